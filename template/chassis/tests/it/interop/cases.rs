//! gRPC's official interop cases, as a client of tonic's makes them:
//! <https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md>

use std::time::Duration;

use chassis::testing::PATIENCE;
use hyper::body::Body as HttpBody;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tonic::{
    Code, Request,
    body::Body,
    client::GrpcService,
    codegen::{
        Bytes, StdError,
        tokio_stream::{self, wrappers::ReceiverStream},
    },
    metadata::{MetadataMap, MetadataValue},
};

use super::{
    contract::{
        EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
        StreamingOutputCallRequest, test_service_client::TestServiceClient,
        unimplemented_service_client::UnimplementedServiceClient,
    },
    service::{ECHO_INITIAL, ECHO_TRAILING, Interop},
};

/// The sizes that the cases call for.
const LARGE_REQUEST: usize = 271_828;
const LARGE_RESPONSE: i32 = 314_159;
const REQUESTS: [usize; 4] = [27_182, 8, 1_828, 45_904];
const RESPONSES: [i32; 4] = [31_415, 9, 2_653, 58_979];

/// What a generated client can be on.
pub trait Transport:
    GrpcService<
        Body,
        Error: Into<StdError>,
        Future: Send,
        ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Transport for T where
    T: GrpcService<
            Body,
            Error: Into<StdError>,
            Future: Send,
            ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

fn payload(size: usize) -> Payload {
    Payload {
        body: vec![0; size],
        ..Payload::default()
    }
}

fn input(size: usize) -> StreamingInputCallRequest {
    StreamingInputCallRequest {
        payload: Some(payload(size)),
        ..StreamingInputCallRequest::default()
    }
}

fn output(sizes: &[i32], size: usize) -> StreamingOutputCallRequest {
    let wanted = |size: &i32| ResponseParameters {
        size: *size,
        ..ResponseParameters::default()
    };
    StreamingOutputCallRequest {
        response_parameters: sizes.iter().map(wanted).collect(),
        payload: Some(payload(size)),
        ..StreamingOutputCallRequest::default()
    }
}

fn large() -> SimpleRequest {
    SimpleRequest {
        response_size: LARGE_RESPONSE,
        payload: Some(payload(LARGE_REQUEST)),
        ..SimpleRequest::default()
    }
}

fn length(payload: Option<Payload>) -> i32 {
    let length = payload.map_or(0, |payload| payload.body.len());
    length.try_into().unwrap()
}

/// All cases over `channel`, to a service whose open streams `service` knows.
pub async fn all(channel: impl Transport, service: &Interop) {
    let client = TestServiceClient::new(channel.clone());
    empty_unary(client.clone()).await;
    large_unary(client.clone()).await;
    client_streaming(client.clone()).await;
    server_streaming(client.clone()).await;
    ping_pong(client.clone()).await;
    empty_stream(client.clone()).await;
    custom_metadata(client.clone()).await;
    status_code_and_message(client.clone(), 2, "test status message").await;
    // The case "special status message".
    let special = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    status_code_and_message(client.clone(), 2, special).await;
    unimplemented(client.clone(), channel).await;
    cancel_after_begin(client.clone(), service).await;
    cancel_after_first_response(client.clone(), service).await;
    timeout_on_sleeping_server(client.clone()).await;
    concurrent_large_unary(&client).await;
    rpc_soak(client).await;
}

async fn empty_unary(mut client: TestServiceClient<impl Transport>) {
    client.empty_call(Empty {}).await.unwrap();
}

pub async fn large_unary(mut client: TestServiceClient<impl Transport>) {
    let response = client.unary_call(large()).await.unwrap();
    assert_eq!(length(response.into_inner().payload), LARGE_RESPONSE);
}

async fn client_streaming(mut client: TestServiceClient<impl Transport>) {
    let requests = tokio_stream::iter(REQUESTS.map(input));
    let response = client.streaming_input_call(requests).await.unwrap();
    assert_eq!(response.into_inner().aggregated_payload_size, 74_922);
}

async fn server_streaming(mut client: TestServiceClient<impl Transport>) {
    let response = client.streaming_output_call(output(&RESPONSES, 0)).await;
    let mut responses = response.unwrap().into_inner();
    for size in RESPONSES {
        let response = responses.message().await.unwrap().unwrap();
        assert_eq!(length(response.payload), size);
    }
    assert!(responses.message().await.unwrap().is_none());
}

async fn ping_pong(mut client: TestServiceClient<impl Transport>) {
    let (requests, asked) = mpsc::channel(1);
    let response = client.full_duplex_call(ReceiverStream::new(asked)).await;
    let mut responses = response.unwrap().into_inner();
    for (request, response) in REQUESTS.into_iter().zip(RESPONSES) {
        requests.send(output(&[response], request)).await.unwrap();
        let answer = responses.message().await.unwrap().unwrap();
        assert_eq!(length(answer.payload), response);
    }
    drop(requests);
    assert!(responses.message().await.unwrap().is_none());
}

async fn empty_stream(mut client: TestServiceClient<impl Transport>) {
    let response = client.full_duplex_call(tokio_stream::empty()).await;
    let mut responses = response.unwrap().into_inner();
    assert!(responses.message().await.unwrap().is_none());
}

async fn custom_metadata(mut client: TestServiceClient<impl Transport>) {
    fn with_metadata<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(ECHO_INITIAL, INITIAL.parse().unwrap());
        metadata.insert_bin(ECHO_TRAILING, MetadataValue::from_bytes(TRAILING));
        request
    }
    fn assert_echoed(initial: &MetadataMap, trailing: &MetadataMap) {
        assert_eq!(initial.get(ECHO_INITIAL).unwrap(), INITIAL);
        let trailing = trailing.get_bin(ECHO_TRAILING).unwrap();
        assert_eq!(trailing.to_bytes().unwrap(), TRAILING);
    }
    const INITIAL: &str = "test_initial_metadata_value";
    const TRAILING: &[u8] = &[0xab; 3];

    let response = client.unary_call(with_metadata(large())).await.unwrap();
    // tonic shows both in one.
    assert_echoed(response.metadata(), response.metadata());

    let requests = tokio_stream::once(output(&[LARGE_RESPONSE], LARGE_REQUEST));
    let response = client.full_duplex_call(with_metadata(requests)).await;
    let (initial, mut responses, _) = response.unwrap().into_parts();
    responses.message().await.unwrap().unwrap();
    assert!(responses.message().await.unwrap().is_none());
    let trailing = responses.trailers().await.unwrap().unwrap();
    assert_echoed(&initial, &trailing);
}

async fn status_code_and_message(
    mut client: TestServiceClient<impl Transport>,
    code: i32,
    message: &str,
) {
    let response_status = Some(EchoStatus {
        code,
        message: message.into(),
    });
    let request = SimpleRequest {
        response_status: response_status.clone(),
        ..SimpleRequest::default()
    };
    let unary = client.unary_call(request).await.unwrap_err();
    let request = tokio_stream::once(StreamingOutputCallRequest {
        response_status,
        ..StreamingOutputCallRequest::default()
    });
    let response = client.full_duplex_call(request).await.unwrap();
    let stream = response.into_inner().message().await.unwrap_err();
    for status in [unary, stream] {
        assert_eq!(status.code(), Code::from(code));
        assert_eq!(status.message(), message);
    }
}

/// The cases "unimplemented method" and "unimplemented service".
async fn unimplemented(mut client: TestServiceClient<impl Transport>, channel: impl Transport) {
    let method = client.unimplemented_call(Empty {}).await.unwrap_err();
    assert_eq!(method.code(), Code::Unimplemented);
    let mut client = UnimplementedServiceClient::new(channel);
    let service = client.unimplemented_call(Empty {}).await.unwrap_err();
    assert_eq!(service.code(), Code::Unimplemented);
    let name = "grpc.testing.UnimplementedService";
    assert!(service.message().contains(name), "{service}");
}

/// Until just so many streams of `service` are open.
async fn open(service: &Interop, n: usize) {
    let mut open = service.open.subscribe();
    let open = open.wait_for(|open| *open == n);
    timeout(PATIENCE, open).await.expect("not so").unwrap();
}

async fn cancel_after_begin(mut client: TestServiceClient<impl Transport>, service: &Interop) {
    open(service, 0).await;
    let call = tokio::spawn(async move {
        let requests = tokio_stream::pending();
        client.streaming_input_call(requests).await
    });
    open(service, 1).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    open(service, 0).await;
}

async fn cancel_after_first_response(
    mut client: TestServiceClient<impl Transport>,
    service: &Interop,
) {
    let (requests, asked) = mpsc::channel(1);
    let response = client.full_duplex_call(ReceiverStream::new(asked)).await;
    let mut responses = response.unwrap().into_inner();
    requests.send(output(&[31_415], 27_182)).await.unwrap();
    let answer = responses.message().await.unwrap().unwrap();
    assert_eq!(length(answer.payload), 31_415);
    open(service, 1).await;
    // hyper goes on to send what a stream of requests has, until that ends.
    drop((responses, requests));
    open(service, 0).await;
}

async fn timeout_on_sleeping_server(mut client: TestServiceClient<impl Transport>) {
    let (requests, asked) = mpsc::channel(1);
    requests.send(output(&[], 27_182)).await.unwrap();
    let mut request = Request::new(ReceiverStream::new(asked));
    // A millisecond, as the case has it, may be over before the request has left.
    request.set_timeout(Duration::from_millis(100));
    let status = match client.full_duplex_call(request).await {
        Ok(response) => response.into_inner().message().await.unwrap_err(),
        Err(status) => status,
    };
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    drop(requests);
}

async fn concurrent_large_unary(client: &TestServiceClient<impl Transport>) {
    let calls = (0..50).map(|_| large_unary(client.clone()));
    calls.collect::<JoinSet<()>>().join_all().await;
}

/// One channel, many calls.
async fn rpc_soak(client: TestServiceClient<impl Transport>) {
    for _ in 0..100 {
        large_unary(client.clone()).await;
    }
}
