//! What reflection tells, in both versions of the protocol.

use hyper::body::Body as HttpBody;
use tonic::{
    Request,
    body::Body,
    client::GrpcService,
    codegen::{Bytes, StdError, tokio_stream},
};
use tonic_reflection::pb::{v1, v1alpha};

/// Asks by `$channel` for the list of services and for the file of `$symbol`, in the
/// version of the protocol that `$version` names.
macro_rules! listed {
    ($version:ident, $channel:expr, $symbol:expr) => {{
        use $version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let mut client = ServerReflectionClient::new($channel);
        let requests = [
            MessageRequest::ListServices(String::new()),
            MessageRequest::FileContainingSymbol($symbol.into()),
        ]
        .map(|request| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(request),
        });
        let requests = Request::new(tokio_stream::iter(requests));
        let response = client.server_reflection_info(requests).await.unwrap();
        let mut answers = response.into_inner();
        let list = answers.message().await.unwrap().unwrap();
        let Some(MessageResponse::ListServicesResponse(list)) = list.message_response else {
            panic!("{list:?}");
        };
        let file = answers.message().await.unwrap().unwrap();
        let Some(MessageResponse::FileDescriptorResponse(file)) = file.message_response else {
            panic!("{file:?}");
        };
        assert_ne!(file.file_descriptor_proto.len(), 0);
        let names = list.service.into_iter().map(|service| service.name);
        names.collect()
    }};
}

/// The services that are listed by one version and by the other, both of which know
/// the file that `symbol` is in.
pub async fn listed<C>(channel: C, symbol: &str) -> [Vec<String>; 2]
where
    C: GrpcService<Body> + Clone,
    C::Error: Into<StdError>,
    C::ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    [
        listed!(v1, channel.clone(), symbol),
        listed!(v1alpha, channel, symbol),
    ]
}
