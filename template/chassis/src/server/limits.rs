//! What the chassis allows, and where each default comes from.

use std::time::Duration;

use clap::Args;

use crate::values::{DAY, HOUR, MILLION, MILLISECOND, YEAR, bytes, number, time};

/// Largest message in either direction, in bytes. 4 MiB: the limit of every gRPC implementation.
pub const MAX_MESSAGE_SIZE: usize = 4 * 1024 * 1024;

/// Streams a client may have open on one connection. 100: Envoy's edge default.
pub(super) const MAX_STREAMS: u32 = 100;

/// Flow-control windows in bytes. 64 KiB and 1 MiB: Envoy's edge defaults.
pub(super) const STREAM_WINDOW: u32 = 64 * 1024;
pub(super) const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// So much metadata is read of any request: to be able to tell who sends more than
/// `--max-metadata-size` by a gRPC status. Beyond that there is only HTTP's 431, which h2
/// answers by itself.
// 128 KiB: eight times the default. What is read is held until then, on each stream.
const METADATA_READ: u32 = 128 * 1024;

/// Resets to put up with before the connection is closed, those that this side
/// was forced into and those not yet read: h2's own bounds against floods.
pub(super) const MAX_LOCAL_RESETS: usize = 1024;
pub(super) const MAX_PENDING_RESETS: usize = 20;

/// File descriptors kept for everything but connections: to clients, and to the admin port.
pub(super) const RESERVED_FILES: u64 = 16;

/// The limits that an operator, or a test, may change.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Limits {
    /// Connections at a time; more wait until one closes, and those that are idle give way [1 to 1000000]
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = number(1, MILLION))]
    pub max_connections: u32,
    /// Connections at a time from one address (of IPv6: one /64), which may be that of a proxy; more are closed [1 to 1000000] [default: no limit]
    #[arg(long, value_name = "N", value_parser = number(1, MILLION))]
    pub max_per_address: Option<u32>,
    /// RPCs that are handled at a time; more are refused with RESOURCE_EXHAUSTED, those of the busiest clients first [1 to 1000000]
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = number(1, MILLION as usize))]
    pub max_requests: usize,
    /// Bytes to hold for clients, as in 64M or 64Mi; what is over is refused with RESOURCE_EXHAUSTED [64K to 1024G] [default: a quarter of the control group's limit]
    #[arg(long, value_name = "BYTES", value_parser = bytes(64 << 10, 1 << 40))]
    pub max_memory: Option<usize>,
    // 1400 bytes: what fits one packet is one packet, compressed or not.
    /// Compress messages of at least so many bytes for clients that accept gzip; 0: none, and take none that are compressed [0 to 4194304]
    #[arg(long, value_name = "BYTES", default_value_t = 1400, value_parser = number(0_u32, 4 * 1024 * 1024))]
    pub gzip_from: u32,
    // 16 KiB: hyper's default, and the hard limit of gRPC's C core.
    /// Largest metadata of a request, counted as HTTP/2 does; larger is refused with RESOURCE_EXHAUSTED [1024 to 1048576]
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024, value_parser = number(1024_u32, 1024 * 1024))]
    pub max_metadata_size: u32,
    /// Longest time until an RPC answers, be it with the start of a stream, and until its client takes the answer [1ms to 1day]
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time(MILLISECOND, DAY))]
    pub request_timeout: Duration,
    // 10 s: linkerd's detection timeout.
    /// Longest time a new connection may take to greet, its TLS handshake included [1ms to 1h]
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time(MILLISECOND, HOUR))]
    pub handshake_timeout: Duration,
    /// Ping a connection that has been silent for so long [1ms to 1day]
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time(MILLISECOND, DAY))]
    pub keepalive_interval: Duration,
    // 20 s: the gRPC keepalive guide.
    // The same for what is sent: gRFC A18 (TCP user timeout).
    /// Close it when the ping is not answered in time, or when it takes nothing for so long [1ms to 1h]
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = time(MILLISECOND, HOUR))]
    pub keepalive_timeout: Duration,
    // gRFC A9. It lets load balance itself anew, and peers pick up new addresses.
    /// Age at which a connection is closed gracefully, give or take 10 % [1ms to 1year]
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time(MILLISECOND, YEAR))]
    pub connection_age: Duration,
    // gRFC A9, MAX_CONNECTION_AGE_GRACE: without an end there, but then one client that
    // never lets go keeps its connection for ever. 10 min: no unary RPC takes as long.
    /// After that, time for the RPCs in flight, streams too, before it is closed by force [0s to 1day]
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time(Duration::ZERO, DAY))]
    pub connection_age_grace: Duration,
    // gRPC's MAX_CONNECTION_IDLE, which is off by default. 15 min: half of the age.
    /// Time without an RPC after which a connection is closed gracefully [1ms to 1year]
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time(MILLISECOND, YEAR))]
    pub connection_idle: Duration,
    // 5 s: what Kubernetes takes to stop sending traffic to a pod that ends.
    /// On SIGTERM, go on serving for so long while load balancers look away [0s to 1h]
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time(Duration::ZERO, HOUR))]
    pub drain_delay: Duration,
    /// Then give the RPCs in flight so long before closing by force [0s to 1h]
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = time(Duration::ZERO, HOUR))]
    pub drain_timeout: Duration,
}

impl Limits {
    /// Bytes of metadata to read: more than are allowed.
    pub(super) fn metadata_read(&self) -> u32 {
        (2 * self.max_metadata_size).max(METADATA_READ)
    }

    /// Bytes that may be held for clients where the control group has this limit.
    // A quarter: a request is held up to twice, as it came and as it is understood, by
    // the allocator with what it keeps; and there are the buffers of connections.
    pub(super) fn memory(&self, group: Option<u64>) -> usize {
        let group = || Some(usize::try_from(group? / 4).unwrap_or(usize::MAX));
        self.max_memory.or_else(group).unwrap_or(usize::MAX)
    }
}
