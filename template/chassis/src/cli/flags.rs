//! What every service can be told.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    auth, listener,
    server::{self, limits::Limits},
    telemetry::{directives::Directives, level::LogLevel, log},
    tls,
    values::{DAY, MILLISECOND, ip, mode, number, time_or_never},
};

/// The flags of every service, to be flattened into its own.
// No group, which clap would name after the struct, as a service's own may be named.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
pub struct Flags {
    /// Port of the gRPC server; 0 takes a free one [0 to 65535]
    // Its default is that of the service: see `About`.
    #[arg(short, long, value_parser = number(0, u16::MAX))]
    port: u16,
    /// IP address to listen on [default: all of IPv6 and IPv4]
    #[arg(long, value_parser = ip)]
    ip: Option<IpAddr>,
    /// Unix socket to listen on as well, without TLS: a file, for this machine
    #[arg(long, value_name = "PATH")]
    unix_socket: Option<PathBuf>,
    /// Who may open it: its permissions, in octal [0 to 777]
    #[arg(long, value_name = "MODE", default_value = "660", requires = "unix_socket",
          value_parser = mode)]
    unix_socket_mode: u32,
    /// Listen on the Unix socket only, and on no port
    #[arg(long, requires = "unix_socket")]
    unix_socket_only: bool,
    /// Port of /livez, /readyz, /metrics and /loglevel; plain HTTP/1.1 [0 to 65535] [default: none]
    #[arg(long, value_name = "PORT", value_parser = number(0, u16::MAX))]
    admin_port: Option<u16>,
    /// IP address to serve them on [default: that of --ip]
    #[arg(long, value_name = "IP", value_parser = ip)]
    admin_ip: Option<IpAddr>,
    /// Use TLS, else plain TCP
    #[arg(short = 't', long)]
    usetls: bool,
    /// TLS certificate chain (PEM)
    #[arg(short, long, value_name = "FILE")]
    certfile: Option<PathBuf>,
    /// TLS private key (PEM)
    #[arg(short = 'k', long, value_name = "FILE")]
    privkeyfile: Option<PathBuf>,
    /// Demand client certificates from this CA (PEM)
    #[arg(short = 'a', long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// Look for changes of these files, and those of callers, so often; 0s: on SIGHUP only [10ms to 1day]
    #[arg(long, value_name = "TIME", default_value = "10s",
          value_parser = time_or_never(10 * MILLISECOND, DAY))]
    tls_reload_interval: Duration,
    /// Also log to a file in this directory
    #[arg(short = 'd', long, value_name = "DIR")]
    logdir: Option<PathBuf>,
    /// text, or json: an object per line
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = log::Format::Text,
          hide_possible_values = true)]
    log_format: log::Format,
    /// 0 Debug, 1 Info, 2 Warning, 3 State, 4 Error, 5 Quiet; or the name
    #[arg(short, long, value_name = "LEVEL", default_value = "1")]
    loglevel: LogLevel,
    /// Also log of libraries, as in h2=debug,rustls=trace [default: $RUST_LOG]
    #[arg(long, value_name = "DIRECTIVES")]
    log_filter: Option<Directives>,
    /// Tell request id and trace in every response; else to who sent one, and with a failure
    #[arg(long)]
    tell_ids: bool,
    /// Let pages of this origin, scheme://host:port, call by gRPC-Web, or * for all; may be repeated
    #[cfg(feature = "web")]
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    web_origin: Vec<server::Origin>,
    /// Check files and settings, then exit without listening
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Ask the admin port of the service that runs here, exit with 0 if it is ready
    #[arg(long, requires = "admin_port")]
    healthcheck: bool,
    #[command(flatten, next_help_heading = "Callers")]
    auth: auth::Settings,
    #[command(flatten, next_help_heading = "Limits")]
    limits: Limits,
}

/// What a service was asked to do.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Set everything up, say whether it is in order, and end.
    pub dry_run: bool,
    /// Don't serve, but ask the one that does whether it is ready.
    pub healthcheck: bool,
    /// Where to listen, and what is allowed.
    pub server: server::Settings,
    /// The log.
    pub log: log::Settings,
}

impl From<Flags> for Invocation {
    fn from(flags: Flags) -> Self {
        let ip = flags.ip.unwrap_or_else(listener::anywhere);
        Self {
            dry_run: flags.dry_run,
            healthcheck: flags.healthcheck,
            server: server::Settings {
                address: (!flags.unix_socket_only).then_some((ip, flags.port).into()),
                unix_socket: flags.unix_socket.map(|path| server::UnixSocket {
                    path,
                    mode: flags.unix_socket_mode,
                }),
                admin: flags
                    .admin_port
                    .map(|port| (flags.admin_ip.unwrap_or(ip), port).into()),
                tls: tls::Settings {
                    enabled: flags.usetls,
                    certfile: flags.certfile,
                    privkeyfile: flags.privkeyfile,
                    cafile: flags.cafile,
                    reload_interval: flags.tls_reload_interval,
                },
                auth: flags.auth,
                limits: flags.limits,
                tell_ids: flags.tell_ids,
                #[cfg(feature = "web")]
                web_origins: flags.web_origin,
            },
            log: log::Settings {
                level: flags.loglevel,
                filter: flags.log_filter,
                format: flags.log_format,
                dir: flags.logdir,
            },
        }
    }
}
