//! Spans, as a collector gets them: one that this test plays.

use std::{
    collections::HashMap,
    future::pending,
    net::{SocketAddr, TcpListener},
};

use chassis::{
    lifecycle::Lifecycle,
    server::{Rpcs, Server},
    testing::{Child, PATIENCE},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use tokio::{sync::mpsc, time::timeout};
use tonic::{Code, Request, Response, Status};

use crate::scripted::ABOUT;
use crate::support::{
    InProcess, SERVICE, UNARY, echo, program, request as scripted_request, running, stub,
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

/// A collector, and what it has received.
struct Collector {
    address: SocketAddr,
    spans: mpsc::UnboundedReceiver<(String, Span)>,
}

impl Collector {
    async fn start() -> Self {
        let settings = InProcess::settings(&[]);
        let server = Server::bind(&ABOUT, settings, Lifecycle::new())
            .await
            .unwrap();
        let address = server.address().unwrap();
        let (sender, spans) = mpsc::unbounded_channel();
        let rpcs = Rpcs::new().with(b"", TraceServiceServer::new(Receiver(sender)));
        tokio::spawn(server.run(rpcs, pending()));
        Self { address, spans }
    }

    /// The span of the next scripted RPC, and the name of the service that sent it.
    async fn next(&mut self) -> (String, Span) {
        loop {
            let (service, span) = timeout(PATIENCE, self.spans.recv()).await.unwrap().unwrap();
            // Clients ask for the health of those they connect to.
            if !span.name.starts_with("grpc.health.v1.") {
                return (service, span);
            }
        }
    }
}

struct Receiver(mpsc::UnboundedSender<(String, Span)>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource_spans in request.into_inner().resource_spans {
            let resource = resource_spans.resource.unwrap();
            let service = text(&resource.attributes, "service.name");
            for span in resource_spans
                .scope_spans
                .into_iter()
                .flat_map(|it| it.spans)
            {
                let _ = self.0.send((service.clone(), span));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.clone()?.value
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    match attribute(attributes, key) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key} is {other:?}"),
    }
}

fn hex(id: &[u8]) -> String {
    id.iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A service that sends its spans to `collector`, at once unless `variables` say otherwise.
fn service(collector: SocketAddr, variables: &[(&str, &str)], flags: &[&str]) -> Child {
    let mut command = program();
    command
        .env_remove("OTEL_SDK_DISABLED")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
        .env("OTEL_BSP_SCHEDULE_DELAY", "1")
        .envs(variables.iter().copied())
        .args(flags);
    let mut child = Child::spawn(&mut command);
    child.wait_for("STATE Running");
    child
}

/// Makes a call as part of a trace, and returns the `traceparent` of the answer.
async fn traced_call(child: &Child) -> String {
    let mut request = scripted_request("reply");
    let traceparent = format!("00-{TRACE_ID}-{SPAN_ID}-01");
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", traceparent.parse().unwrap());
    let mut stub = stub(&child.address()).await;
    let response = stub.unary(request).await.unwrap();
    let answered = response.metadata().get("traceparent").unwrap();
    answered.to_str().unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rpc_is_a_span_in_its_callers_trace() {
    let mut collector = Collector::start().await;
    let child = service(collector.address, &[], &[]);
    let answered = traced_call(&child).await;

    let (service, span) = collector.next().await;
    assert_eq!(service, ABOUT.name);
    assert_eq!(span.name, UNARY[1..]);
    assert_eq!(span.kind(), SpanKind::Server);
    assert_eq!(hex(&span.trace_id), TRACE_ID);
    assert_eq!(hex(&span.parent_span_id), SPAN_ID);
    assert_eq!(answered, format!("00-{TRACE_ID}-{}-01", hex(&span.span_id)));
    assert_eq!(text(&span.attributes, "rpc.system"), "grpc");
    assert_eq!(text(&span.attributes, "rpc.service"), SERVICE);
    assert_eq!(text(&span.attributes, "rpc.method"), "Unary");
    assert_eq!(text(&span.attributes, "client.address"), "127.0.0.1");
    let code = attribute(&span.attributes, "rpc.grpc.status_code");
    assert_eq!(code, Some(Value::IntValue(0)));
    assert!(span.start_time_unix_nano < span.end_time_unix_nano);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_in_the_upstream() {
    let mut collector = Collector::start().await;
    let last = service(collector.address, &[("OTEL_SERVICE_NAME", "last")], &[]);
    let port = last.port().to_string();
    let to_last = ["--client-ip", "127.0.0.1", "--client-port", &port];
    let first = service(
        collector.address,
        &[("OTEL_SERVICE_NAME", "first")],
        &to_last,
    );
    echo(&first.address(), "").await.unwrap();

    let spans = [collector.next().await, collector.next().await];
    let spans = HashMap::from(spans);
    let [first, last] = [&spans["first"], &spans["last"]];
    assert!(first.parent_span_id.is_empty(), "nobody has called it");
    assert_eq!(last.trace_id, first.trace_id);
    assert_eq!(last.parent_span_id, first.span_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rpc_that_failed_by_the_services_own_doing_is_an_error() {
    let mut collector = Collector::start().await;
    let last = running(&["--drain-delay", "0s"]);
    let port = last.port().to_string();
    let to_last = ["--client-ip", "127.0.0.1", "--client-port", &port];
    let first = service(collector.address, &[], &to_last);
    drop(last);
    let status = echo(&first.address(), "").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    let (_, span) = collector.next().await;
    assert_eq!(span.status.unwrap().code(), StatusCode::Error);
    let code = attribute(&span.attributes, "rpc.grpc.status_code");
    assert_eq!(code, Some(Value::IntValue(Code::Unavailable as i64)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_are_sent_before_the_end() {
    let mut collector = Collector::start().await;
    let in_an_hour = [("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
    let child = service(collector.address, &in_an_hour, &["--drain-delay", "0s"]);
    traced_call(&child).await;
    child.signal("TERM");
    let (exit, _) = child.wait();
    assert!(exit.success(), "{exit}");
    let (_, span) = collector.next().await;
    assert_eq!(hex(&span.trace_id), TRACE_ID);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_is_not_sent_and_says_so() {
    let mut collector = Collector::start().await;
    let never = [("OTEL_TRACES_SAMPLER", "always_off")];
    let child = service(collector.address, &never, &["--drain-delay", "0s"]);
    let answered = traced_call(&child).await;
    assert!(
        answered.starts_with(&format!("00-{TRACE_ID}-")),
        "{answered}"
    );
    assert!(answered.ends_with("-00"), "{answered}");
    child.signal("TERM");
    child.wait();
    assert!(collector.spans.try_recv().is_err(), "a span was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn turned_off_it_sends_nothing() {
    for variable in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ] {
        let mut collector = Collector::start().await;
        let child = service(collector.address, &[variable], &["--drain-delay", "0s"]);
        let answered = traced_call(&child).await;
        assert!(answered.ends_with("-01"), "{answered}");
        child.signal("TERM");
        child.wait();
        assert!(collector.spans.try_recv().is_err(), "{variable:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_harms_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let child = service(nobody, &[], &["--drain-delay", "0s"]);
    traced_call(&child).await;
    child.signal("TERM");
    let (exit, _) = child.wait();
    assert!(exit.success(), "{exit}");
}
