//! What a status tells beside its code and its message, so that clients can act on it:
//! the details of `google.rpc`, which generated clients of all languages read.
//!
//! They are written here by hand, as they will never change: the crate that has them all
//! would be one more for every service.
//!
//! <https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>

use std::{fmt::Display, time::Duration};

use prost::{Message, Name};
use prost_types::Any;
use tonic::{Code, Status};

use crate::context::Context;

/// The details of a status: made by who refuses, read by who was refused.
///
/// ```
/// use std::time::Duration;
///
/// use chassis::status::Details;
/// use tonic::{Code, Status};
///
/// /// What the core answers when it can't do what it was asked.
/// enum Error {
///     NoSuchCountry(String),
///     Busy,
/// }
///
/// /// The one conversion, in `rpc.rs`.
/// impl From<Error> for Status {
///     fn from(error: Error) -> Self {
///         match error {
///             Error::NoSuchCountry(name) => Details::new()
///                 .violation("address.country", format_args!("no country is called {name:?}"))
///                 .status(Code::InvalidArgument, "the order has no valid address"),
///             Error::Busy => Details::new()
///                 .retry_after(Duration::from_secs(5))
///                 .status(Code::Unavailable, "the till is closed for a moment"),
///         }
///     }
/// }
///
/// // And what a client makes of it:
/// let status = Status::from(Error::NoSuchCountry("Oz".into()));
/// let details = Details::of(&status);
/// assert_eq!(details.violations[0].field, "address.country");
/// assert_eq!(details.violations[0].description, "no country is called \"Oz\"");
/// let status = Status::from(Error::Busy);
/// assert_eq!(Details::of(&status).retry_delay, Some(Duration::from_secs(5)));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Details {
    /// The fields of the request that are not as they have to be.
    pub violations: Vec<Violation>,
    /// How long to wait before another attempt.
    pub retry_delay: Option<Duration>,
    /// What the request is found by in the log: to be told by who reports the error.
    pub request_id: Option<String>,
}

/// A field of a request that is not as it has to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The path to it in the request, as in `address.country` or `items[2].count`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl Details {
    /// None but the id of the request that is being handled, if there is one.
    #[must_use]
    pub fn new() -> Self {
        let request_id = Context::with_current(|context| {
            let trace = context.trace.as_ref()?;
            Some(trace.request_id().to_str().ok()?.into())
        });
        Self {
            request_id: request_id.flatten(),
            ..Self::default()
        }
    }

    /// With a field that is not as it has to be, and why.
    #[must_use]
    pub fn violation(mut self, field: impl Into<String>, description: impl Display) -> Self {
        self.violations.push(Violation {
            field: field.into(),
            description: description.to_string(),
        });
        self
    }

    /// With the time after which another attempt makes sense.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_delay = Some(delay);
        self
    }

    /// The status that has them.
    #[must_use]
    pub fn status(self, code: Code, message: impl Display) -> Status {
        let message = message.to_string();
        let mut details = Vec::new();
        if !self.violations.is_empty() {
            let violations = self.violations.into_iter();
            details.push(packed(&BadRequest {
                field_violations: violations.map(Into::into).collect(),
            }));
        }
        if let Some(delay) = self.retry_delay {
            // A longer one than protobuf can write is as good as for ever.
            let retry_delay = delay.try_into().ok();
            details.push(packed(&RetryInfo { retry_delay }));
        }
        if let Some(request_id) = self.request_id {
            details.push(packed(&RequestInfo { request_id }));
        }
        let whole = RpcStatus {
            code: code.into(),
            message: message.clone(),
            details,
        };
        Status::with_details(code, message, whole.encode_to_vec().into())
    }

    /// Those of `status`, as far as they are understood.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let mut these = Self::default();
        let whole = RpcStatus::decode(status.details()).unwrap_or_default();
        for detail in whole.details {
            if let Ok(BadRequest { field_violations }) = detail.to_msg() {
                let violations = field_violations.into_iter();
                these.violations.extend(violations.map(Into::into));
            } else if let Ok(RetryInfo { retry_delay }) = detail.to_msg() {
                these.retry_delay = retry_delay.and_then(|delay| delay.try_into().ok());
            } else if let Ok(RequestInfo { request_id }) = detail.to_msg() {
                these.request_id = Some(request_id);
            }
        }
        these
    }
}

fn packed<M: Name>(detail: &M) -> Any {
    Any::from_msg(detail).expect("a Vec has room for it")
}

impl From<Violation> for FieldViolation {
    fn from(Violation { field, description }: Violation) -> Self {
        Self { field, description }
    }
}

impl From<FieldViolation> for Violation {
    fn from(FieldViolation { field, description }: FieldViolation) -> Self {
        Self { field, description }
    }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<FieldViolation>,
}

/// `google.rpc.BadRequest.FieldViolation`.
#[derive(Clone, PartialEq, Message)]
struct FieldViolation {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    description: String,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

#[derive(Clone, PartialEq, Message)]
struct RequestInfo {
    #[prost(string, tag = "1")]
    request_id: String,
}

macro_rules! named {
    ($($message:ident),*) => {$(
        impl Name for $message {
            const PACKAGE: &str = "google.rpc";
            const NAME: &str = stringify!($message);

            fn type_url() -> String {
                // What all implementations of protobuf write, and few look at.
                format!("type.googleapis.com/{}", Self::full_name())
            }
        }
    )*};
}

named!(BadRequest, RetryInfo, RequestInfo);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic_types::StatusExt;

    use super::*;
    use crate::context::Trace;

    #[test]
    fn other_implementations_read_them_and_they_read_theirs() {
        let ours = Details {
            request_id: Some("1234".into()),
            ..Details::new()
                .violation("a.b", "too long")
                .violation("c[1]", "missing")
                .retry_after(Duration::from_millis(1500))
        };
        let status = ours.clone().status(Code::InvalidArgument, "no");
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "no")
        );
        let theirs = status.get_error_details();
        let violations = &theirs.bad_request().unwrap().field_violations;
        let fields: Vec<_> = violations.iter().map(|it| &*it.field).collect();
        assert_eq!(fields, ["a.b", "c[1]"]);
        assert_eq!(violations[0].description, "too long");
        let retry = theirs.retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(Duration::from_millis(1500)));
        assert_eq!(theirs.request_info().unwrap().request_id, "1234");

        let status = Status::with_error_details(Code::InvalidArgument, "no", theirs);
        assert_eq!(Details::of(&status), ours);
    }

    #[test]
    fn the_request_that_is_being_handled_is_named() {
        let trace = Trace::new("1234".parse().unwrap(), "00".parse().unwrap());
        let context = Context {
            trace: Some(Arc::new(trace)),
            ..Context::default()
        };
        let status = context.sync_scope(|| Details::new().status(Code::NotFound, "gone"));
        assert_eq!(Details::of(&status).request_id.as_deref(), Some("1234"));
    }

    #[test]
    fn a_status_without_details_or_with_nonsense_has_none() {
        let nonsense = Status::with_details(Code::Aborted, "", b"\xff\xff"[..].into());
        for status in [Status::aborted(""), nonsense] {
            assert_eq!(Details::of(&status), Details::default());
        }
    }
}
