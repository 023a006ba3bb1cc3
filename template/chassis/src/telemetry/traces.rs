//! Spans to an OpenTelemetry collector, by OTLP: one for each RPC, and within it
//! those that handlers make with `tracing`. The standard variables configure it,
//! `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_TRACES_SAMPLER` among them;
//! `OTEL_SDK_DISABLED=true` and `OTEL_TRACES_EXPORTER=none` turn it off.
//!
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::{env, sync::OnceLock, time::Duration};

use hyper::{HeaderMap, header::HeaderName};
use opentelemetry::{
    KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{TraceContextExt, TracerProvider},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::SdkTracerProvider,
};
use tonic::Code;
use tracing::{Level, Span, field::Empty, info_span, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, Registry, filter::filter_fn};

use crate::{about::About, context::traceparent::Traceparent, remote::Remote};

/// How long the last spans may keep a service from its end.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// What sends spans, once [`layer`] has made it.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Why spans can't be sent.
pub type Error = opentelemetry_otlp::ExporterBuildError;

/// What takes spans of the service to the collector; nothing where that is turned
/// off. To be called within the runtime that sends them.
pub fn layer(about: &About) -> Result<Option<impl Layer<Registry> + use<>>, Error> {
    if is_set("OTEL_SDK_DISABLED", "true") || is_set("OTEL_TRACES_EXPORTER", "none") {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_tonic().build()?;
    let provider = PROVIDER.get_or_init(|| {
        SdkTracerProvider::builder()
            .with_resource(resource(about))
            .with_batch_exporter(exporter)
            .build()
    });
    let tracer = provider.tracer(about.name);
    // The log has the events already.
    let spans = filter_fn(|metadata| metadata.is_span() && *metadata.level() <= Level::INFO)
        .with_max_level_hint(LevelFilter::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    Ok(Some(layer.with_filter(spans)))
}

fn is_set(variable: &str, value: &str) -> bool {
    env::var(variable).is_ok_and(|it| it.eq_ignore_ascii_case(value))
}

/// Who sends the spans: the service, unless `OTEL_SERVICE_NAME` or
/// `OTEL_RESOURCE_ATTRIBUTES` say otherwise.
fn resource(about: &About) -> Resource {
    let resource = Resource::builder_empty()
        .with_service_name(about.name)
        .with_attribute(KeyValue::new("service.version", about.version))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => resource.with_service_name(name),
        _ => resource,
    }
    .build()
}

/// Sends what is left. To be called before the runtime ends.
pub fn flush() {
    if let Some(provider) = PROVIDER.get() {
        // Whoever does not take the last spans does not get them.
        let _ = provider.shutdown_with_timeout(FLUSH_TIMEOUT);
    }
}

/// The span of an RPC to the method at `path`, in the trace that `headers` name.
pub(crate) fn start(path: &str, headers: &HeaderMap, peer: Remote) -> Option<Span> {
    let name = path.trim_start_matches('/');
    let (service, method) = name.split_once('/').unwrap_or_default();
    let span = info_span!(
        "RPC",
        otel.name = if name.is_empty() { "unknown" } else { name },
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        client.address = peer.ip().map(tracing::field::display),
    );
    if span.is_disabled() {
        return None;
    }
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    // Fails only where the span has begun already.
    let _ = span.set_parent(parent);
    Some(span)
}

/// What others are told of `span`; nothing where nothing takes spans.
pub(crate) fn traceparent(span: &Span) -> Option<Traceparent> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| {
        let (trace_id, span_id) = (context.trace_id(), context.span_id());
        let value = format!("00-{trace_id}-{span_id}-{:02x}", context.trace_flags());
        value.as_bytes().try_into().expect("55 characters")
    })
}

/// Tells how the RPC of `span` ended: as an error where that is the server's
/// own doing.
///
/// <https://opentelemetry.io/docs/specs/semconv/rpc/grpc/>
pub(super) fn end(span: &Span, code: Code) {
    span.record("rpc.grpc.status_code", code as i32);
    if matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    ) {
        span.record("otel.status_code", "ERROR");
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
