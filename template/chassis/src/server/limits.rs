//! What the chassis allows, and where each default comes from.

use std::time::Duration;

use clap::{Args, value_parser};
use humantime::parse_duration;

/// Largest message in either direction, in bytes. 4 MiB: the limit of every gRPC implementation.
pub const MAX_MESSAGE_SIZE: usize = 4 * 1024 * 1024;

/// Streams a client may have open on one connection. 100: Envoy's edge default.
pub(super) const MAX_STREAMS: u32 = 100;

/// Flow-control windows in bytes. 64 KiB and 1 MiB: Envoy's edge defaults.
pub(super) const STREAM_WINDOW: u32 = 64 * 1024;
pub(super) const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Largest metadata of one request in bytes. 16 KiB: hyper's default.
pub(super) const MAX_HEADER_LIST: u32 = 16 * 1024;

/// Resets to put up with before the connection is closed, those that this side
/// was forced into and those not yet read: h2's own bounds against floods.
pub(super) const MAX_LOCAL_RESETS: usize = 1024;
pub(super) const MAX_PENDING_RESETS: usize = 20;

/// File descriptors kept for everything but clients' connections.
pub(super) const RESERVED_FILES: u64 = 32;

/// The limits that an operator, or a test, may change.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Limits {
    /// Connections at a time; more wait in the backlog
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// RPCs at a time over all connections; more are refused with RESOURCE_EXHAUSTED
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub max_requests: usize,
    /// Longest time until an RPC answers, be it with the start of a stream; the caller may ask for less
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub request_timeout: Duration,
    // 10 s: linkerd's detection timeout.
    /// Longest time a new connection may take to greet, its TLS handshake included
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub handshake_timeout: Duration,
    /// Ping a connection that has been silent for so long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub keepalive_interval: Duration,
    // 20 s: the gRPC keepalive guide.
    /// Close it when the ping is not answered in time
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_duration)]
    pub keepalive_timeout: Duration,
    // gRFC A9. It lets load balance itself anew, and peers pick up new addresses.
    /// Age at which a connection is closed gracefully, give or take 10 %
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = parse_duration)]
    pub connection_age: Duration,
    // 5 s: what Kubernetes takes to stop sending traffic to a pod that ends.
    /// On SIGTERM, go on serving for so long while load balancers look away
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub drain_delay: Duration,
    /// Then give the RPCs in flight so long before closing by force
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_duration)]
    pub drain_timeout: Duration,
}
