//! One call of the system, and what may become of it.

use std::{fmt, future::Future, pin::Pin};

use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::connection::Connection;

type Outcome = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// What a user asks of a service, and what has to be true of the answer.
pub struct Call {
    /// The service that is called.
    pub service: String,
    /// What it is asked, as a report calls it.
    pub name: String,
    /// Those that it passes the call on to.
    pub through: Vec<String>,
    make: Box<dyn Fn(Connection, u64) -> Outcome + Send + Sync>,
}

/// Why a call is none that its user would be content with.
#[derive(Debug)]
pub enum Failure {
    /// It was not answered.
    Lost(Status),
    /// It was answered, but not as it should be.
    Wrong(String),
    /// It did not even end.
    Hung,
}

impl Call {
    /// A call of `service`. `make` is given a connection and a number that no other call has.
    pub fn new<F>(
        service: &str,
        name: &str,
        make: impl Fn(Connection, u64) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self {
            service: service.into(),
            name: name.into(),
            through: vec![],
            make: Box::new(move |connection, number| Box::pin(make(connection, number))),
        }
    }

    /// The same, passing through these services, too.
    #[must_use]
    pub fn through(mut self, services: &[&str]) -> Self {
        self.through = services.iter().map(ToString::to_string).collect();
        self
    }

    /// Asks a service how it is, as any can be asked. One that drains says so, which is an answer, too.
    #[must_use]
    pub fn health(service: &str) -> Self {
        Self::new(service, "Health", |connection, _| async {
            let mut health = HealthClient::new(connection);
            let answer = health.check(HealthCheckRequest::default()).await?;
            let status = answer.into_inner().status();
            let known = [ServingStatus::Serving, ServingStatus::NotServing].contains(&status);
            expect(known, || format!("{status:?}"))
        })
    }

    /// Makes the call.
    pub async fn make(&self, connection: Connection, number: u64) -> Result<(), Failure> {
        let patience = connection.patience();
        let made = tokio::time::timeout(patience, (self.make)(connection, number));
        made.await.unwrap_or(Err(Failure::Hung))
    }
}

/// That `holds` is what a user expects; `answer` tells what came instead.
pub fn expect(holds: bool, answer: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::Wrong(answer()))
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Lost(status)
    }
}

impl Failure {
    /// In a word: the status code, or what else it is.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Lost(status) => match status.code() {
                Code::DeadlineExceeded => "DEADLINE_EXCEEDED".into(),
                Code::Unavailable => "UNAVAILABLE".into(),
                Code::Unimplemented => "UNIMPLEMENTED".into(),
                Code::ResourceExhausted => "RESOURCE_EXHAUSTED".into(),
                code => format!("{code:?}").to_uppercase(),
            },
            Self::Wrong(_) => "wrong answer".into(),
            Self::Hung => "hung".into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(status) => write!(formatter, "{}: {}", self.kind(), status.message()),
            Self::Wrong(answer) => write!(formatter, "wrong answer: {answer}"),
            Self::Hung => write!(
                formatter,
                "no answer, and no error, even after its deadline"
            ),
        }
    }
}
