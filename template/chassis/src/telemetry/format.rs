//! How a line of the log looks: text for people, JSON for machines. In either
//! case with the ids of the request that it belongs to.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use super::{level::STATE, traceparent};
use crate::context::Context;

/// `time LEVEL message field=value request_id=id`
pub(super) struct Text;

/// `{"timestamp": …, "level": …, "message": …, "fields": {…}, "request_id": …, "trace_id": …}`
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        SystemTime.format_time(&mut writer)?;
        write!(writer, " {:5} ", level(event))?;
        context.format_fields(writer.by_ref(), event)?;
        with_ids(|request_id, trace_id| {
            write!(writer, " request_id={request_id}")?;
            if request_id == trace_id {
                return Ok(());
            }
            write!(writer, " trace_id={trace_id}")
        })?;
        writeln!(writer)
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        let message = fields.remove("message").unwrap_or_default();

        let mut line = Map::new();
        line.insert("timestamp".into(), time.into());
        line.insert("level".into(), level(event).into());
        line.insert("target".into(), event.metadata().target().into());
        line.insert("message".into(), message);
        line.insert("fields".into(), fields.into());
        with_ids(|request_id, trace_id| {
            line.insert("request_id".into(), request_id.into());
            line.insert("trace_id".into(), trace_id.into());
            Ok(())
        })?;
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }
}

/// Shows `f` the request id and the trace id of the current RPC, if there is one.
fn with_ids(f: impl FnOnce(&str, &str) -> fmt::Result) -> fmt::Result {
    let shown = Context::with_current(|context| {
        let trace = context.trace.as_deref()?;
        let request_id = trace.request_id.to_str().ok()?;
        Some(f(request_id, traceparent::trace_id(&trace.traceparent)?))
    });
    shown.flatten().unwrap_or(Ok(()))
}

fn level(event: &Event<'_>) -> &'static str {
    if event.metadata().target() == STATE {
        return "STATE";
    }
    match *event.metadata().level() {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}
