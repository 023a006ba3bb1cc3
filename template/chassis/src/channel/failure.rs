//! What became of a call that failed. tonic reports a lost connection as
//! UNKNOWN or CANCELLED; only the status' sources tell how far the call got.

use std::{error::Error, iter};

use h2::Reason;
use tonic::{Code, Status};

/// A failed call.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the caller is told.
    pub(super) status: Status,
    /// Whether the service may have begun to handle it.
    pub(super) sent: bool,
    /// Whether its connection is of no more use.
    pub(super) disconnected: bool,
}

/// How a call ended.
enum End {
    /// With the service's answer.
    Answer,
    /// With a refusal of this one stream, unhandled.
    Refused,
    /// With the connection, before the service handled it.
    Unsent,
    /// With the connection, who knows when.
    Lost,
}

impl End {
    fn of(status: &Status) -> Self {
        let mut end = Self::Answer;
        for cause in causes(status) {
            if let Some(h2) = cause.downcast_ref::<h2::Error>() {
                return Self::of_h2(h2);
            }
            if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
                // What hyper had queued and never wrote.
                if hyper.is_canceled() {
                    return Self::Unsent;
                }
                end = Self::Lost;
            }
        }
        end
    }

    fn of_h2(error: &h2::Error) -> Self {
        match error.reason().filter(|_| error.is_remote()) {
            // Both say that the stream was not handled (RFC 9113, section 8.7).
            Some(Reason::REFUSED_STREAM) => Self::Refused,
            Some(Reason::NO_ERROR) if error.is_go_away() => Self::Unsent,
            _ if error.is_reset() => Self::Answer,
            _ => Self::Lost,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let end = End::of(&status);
        let status = match end {
            End::Answer => status,
            End::Refused => Status::unavailable("the service refused the stream"),
            End::Unsent | End::Lost => {
                Status::unavailable(format!("connection lost: {}", root_cause(&status)))
            }
        };
        Self {
            status,
            sent: !matches!(end, End::Refused | End::Unsent),
            disconnected: matches!(end, End::Unsent | End::Lost),
        }
    }
}

impl Failure {
    /// Never sent, for want of a connection.
    pub(super) fn unconnected(reason: &str) -> Self {
        Self {
            status: Status::unavailable(reason),
            sent: false,
            disconnected: false,
        }
    }

    /// Whether the service, or the way to it, may be better in a moment.
    pub(super) fn is_passing(&self) -> bool {
        self.status.code() == Code::Unavailable
    }
}

/// The innermost source of an error. tonic's own message is just "transport error".
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_left_as_it_is() {
        let failure = Failure::from(Status::not_found("no such order"));
        assert_eq!(failure.status.code(), Code::NotFound);
        assert!(failure.sent && !failure.disconnected && !failure.is_passing());
    }
}
