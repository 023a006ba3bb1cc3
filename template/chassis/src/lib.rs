#![doc = include_str!("../README.md")]

mod about;
mod admin;
mod app;
pub mod auth;
pub mod channel;
pub mod cli;
pub mod context;
mod contract;
pub mod cookbook;
mod deadline;
pub mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod healthcheck;
mod http1_only;
mod io;
mod jitter;
pub mod lifecycle;
mod listener;
mod pulse;
mod readiness;
mod reload;
mod remote;
pub mod server;
mod setup;
mod signals;
mod slots;
mod standard;
pub mod status;
mod tasks;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;
mod turns;
mod values;

pub use self::{
    about::About,
    app::{App, main},
    channel::Channel,
    context::Caller,
    setup::Setup,
    tasks::{Tasks, UntilStopping},
};
pub use prometheus_client;
pub use tokio_util::sync::CancellationToken;
