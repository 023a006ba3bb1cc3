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

use super::level::{RECORD, STATE};
use crate::context::{Context, traceparent};

/// `time LEVEL message field=value request_id=id`; lines of libraries say whose they are.
pub(super) struct Text {
    /// The level is coloured, for a terminal.
    pub(super) colours: bool,
    /// The crate of the service.
    pub(super) own: &'static str,
}

/// `{"timestamp": …, "level": …, "message": …, "fields": {…}, "request_id": …, "trace_id": …}`,
/// and `"state"` where the service enters one. The level is one of ERROR, WARN, INFO,
/// DEBUG, TRACE, as all that read logs know them.
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
        let (level, colour) = label(event);
        if self.colours {
            write!(writer, " \x1b[{colour}m{level:5}\x1b[0m ")?;
        } else {
            write!(writer, " {level:5} ")?;
        }
        if self.is_foreign(event.metadata().target()) {
            write!(writer, "{}: ", event.metadata().target())?;
        }
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

impl Text {
    /// Whether a line of `target` is a library's.
    fn is_foreign(&self, target: &str) -> bool {
        let origin = target.split("::").next().unwrap_or(target);
        ![STATE, RECORD, env!("CARGO_CRATE_NAME"), self.own].contains(&origin)
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
        let mut target = event.metadata().target().into();
        if target == RECORD {
            target = fields.remove("from").unwrap_or(target);
        }

        let mut line = Map::new();
        line.insert("timestamp".into(), time.into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        if target == STATE {
            line.insert("state".into(), message.clone());
        }
        line.insert("target".into(), target);
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
        let request_id = trace.request_id().to_str().ok()?;
        Some(f(request_id, traceparent::trace_id(trace.traceparent())?))
    });
    shown.flatten().unwrap_or(Ok(()))
}

/// What people see of the level, and its colour (ECMA-48, 8.3.117).
fn label(event: &Event<'_>) -> (&'static str, u8) {
    if event.metadata().target() == STATE {
        return ("STATE", 36);
    }
    match *event.metadata().level() {
        Level::ERROR => ("ERROR", 31),
        Level::WARN => ("WARN", 33),
        Level::INFO => ("INFO", 32),
        Level::DEBUG => ("DEBUG", 34),
        _ => ("TRACE", 35),
    }
}
