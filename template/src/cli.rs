//! Flags and environment variables, parsed into typed settings.
//!
//! A flag beats the environment, the environment beats the default. The
//! variable of `--client-port` is `{{env_prefix}}_CLIENT_PORT`, and so on.

use std::{env, ffi::OsString, net::IpAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{
    Arg, ArgAction, ArgGroup, Args, CommandFactory, FromArgMatches, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
    value_parser,
};
use humantime::parse_duration;

use crate::{
    client,
    server::{self, limits::Limits},
    telemetry::log,
    tls,
};

const PORT: u16 = {{port}};
const UPSTREAM_PORT: u16 = {{client_port}};
const NAME: &str = env!("CARGO_PKG_NAME");
const ENV_PREFIX: &str = "{{env_prefix}}";
const COPYRIGHT: &str = concat!("© {{year}} ", env!("CARGO_PKG_AUTHORS"));
const HELP: &str = "\
{name} {version}
{about}

AUTHOR:
  {author}

USAGE:
  {usage}

{all-args}{after-help}";

/// What the service was asked to do.
#[derive(Debug)]
pub struct Settings {
    /// Set everything up, say whether it is in order, and end.
    pub dry_run: bool,
    /// Don't serve, but ask the one that does whether it is ready.
    pub healthcheck: bool,
    /// The chassis.
    pub server: server::Settings,
    /// The service to pass calls on to, if any.
    pub upstream: Option<client::Settings>,
    /// The log.
    pub log: log::Settings,
}

/// What to print instead of running: help, version, or what is wrong.
#[derive(Debug)]
pub struct Answer(clap::Error);

/// Parses the command line and the environment of this process.
pub fn parse() -> Result<Settings, Answer> {
    parse_as(std::env::args_os()).map(Flags::settings)
}

/// Parses the command line and the environment of the demo client.
pub fn parse_demo() -> Result<client::Settings, Answer> {
    parse_as::<DemoFlags>(std::env::args_os()).map(DemoFlags::settings)
}

/// The environment variable of a flag: `client-port` or `client_port` alike.
#[must_use]
pub fn variable(flag: &str) -> String {
    format!("{ENV_PREFIX}_{}", flag.to_uppercase().replace('-', "_"))
}

impl Answer {
    /// Prints help and version to stdout; what is wrong, in one line, to stderr.
    #[must_use]
    pub fn print(self) -> ExitCode {
        let text = self.0.to_string();
        if matches!(
            self.0.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        // clap puts what is wrong into the first paragraph, and usage below it.
        let problem = text.split("\n\n").next().unwrap_or(&text);
        let line = problem.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line.trim_start_matches("error: ");
        match self.variable() {
            Some(variable) => eprintln!("{NAME}: {variable}: {line} (see --help)"),
            None => eprintln!("{NAME}: {line} (see --help)"),
        }
        ExitCode::from(2)
    }

    /// The environment variable that a bad value comes from; clap names the flag only.
    fn variable(&self) -> Option<String> {
        let text = |kind| match self.0.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let flag = text(ContextKind::InvalidArg)?.trim_start_matches('-');
        let variable = variable(flag.split(' ').next()?);
        let value = env::var(&variable).ok()?;
        (text(ContextKind::InvalidValue)? == value).then_some(variable)
    }
}

#[derive(Parser)]
#[command(version, author, about, after_help = COPYRIGHT, help_template = HELP)]
struct Flags {
    /// Port of the gRPC server; 0 takes a free one
    #[arg(short, long, default_value_t = PORT)]
    port: u16,
    /// IP address to listen on
    #[arg(long, default_value = "0.0.0.0")]
    ip: IpAddr,
    /// Port of /livez, /readyz, /metrics and /loglevel; plain HTTP [default: none]
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    /// IP address to serve them on [default: that of --ip]
    #[arg(long, value_name = "IP")]
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
    /// Look for changes of these files so often; 0s: on SIGHUP only
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    tls_reload_interval: Duration,
    /// Also log to <DIR>/{{project-name}}.log
    #[arg(short = 'd', long, value_name = "DIR")]
    logdir: Option<PathBuf>,
    /// text, or json: an object per line
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = log::Format::Text,
          hide_possible_values = true)]
    log_format: log::Format,
    /// 0 Debug, 1 Info, 2 Warning, 3 State, 4 Error, 5 Quiet
    #[arg(short, long, value_name = "LEVEL", default_value_t = 1,
          value_parser = value_parser!(u8).range(0..=5))]
    loglevel: u8,
    /// Check files and settings, then exit without listening
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Ask the admin port of the service that runs here, exit with 0 if it is ready
    #[arg(long, requires = "admin_port")]
    healthcheck: bool,
    #[command(flatten, next_help_heading = "Upstream")]
    upstream: UpstreamFlags,
    #[command(flatten, next_help_heading = "Limits")]
    limits: Limits,
}

#[derive(Args)]
#[command(group(ArgGroup::new("upstream").multiple(true)))]
#[expect(clippy::struct_field_names, reason = "they are the names of the flags")]
struct UpstreamFlags {
    /// Host of another such service to pass calls on to [default: localhost]
    #[arg(long, value_name = "HOST", group = "upstream")]
    client_ip: Option<String>,
    /// Its port [default: {{client_port}}]
    #[arg(long, value_name = "PORT", group = "upstream", value_parser = value_parser!(u16).range(1..))]
    client_port: Option<u16>,
    /// Use TLS towards it
    #[arg(long, requires = "upstream")]
    client_usetls: bool,
    /// CA that its certificate must come from (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "client_usetls",
        required_if_eq("client_usetls", "true")
    )]
    client_cafile: Option<PathBuf>,
    /// Client certificate chain (PEM), for mutual TLS
    #[arg(
        long,
        value_name = "FILE",
        requires = "client_cafile",
        requires = "client_privkeyfile"
    )]
    client_certfile: Option<PathBuf>,
    /// Private key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "client_certfile")]
    client_privkeyfile: Option<PathBuf>,
    /// How often to try to connect before giving up
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..))]
    client_attempts: u32,
    /// Longest time one attempt to connect may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    client_connect_timeout: Duration,
    /// Longest time a call of it may take, all attempts together
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    client_timeout: Duration,
}

/// Says hello to a running {{project-name}}
#[derive(Parser)]
#[command(name = "demo", version)]
struct DemoFlags {
    /// Port of the service
    #[arg(short, long, default_value_t = PORT, value_parser = value_parser!(u16).range(1..))]
    port: u16,
    /// Host of the service
    #[arg(long, default_value = "localhost")]
    ip: String,
    /// Use TLS, else plain TCP
    #[arg(short = 't', long)]
    usetls: bool,
    /// CA that the server's certificate must come from (PEM)
    #[arg(
        short = 'a',
        long,
        value_name = "FILE",
        requires = "usetls",
        required_if_eq("usetls", "true")
    )]
    cafile: Option<PathBuf>,
    /// Client certificate chain (PEM), for mutual TLS
    #[arg(
        short,
        long,
        value_name = "FILE",
        requires = "cafile",
        requires = "privkeyfile"
    )]
    certfile: Option<PathBuf>,
    /// Private key of the client certificate (PEM)
    #[arg(short = 'k', long, value_name = "FILE", requires = "certfile")]
    privkeyfile: Option<PathBuf>,
}

impl Flags {
    fn settings(self) -> Settings {
        Settings {
            dry_run: self.dry_run,
            healthcheck: self.healthcheck,
            server: server::Settings {
                address: (self.ip, self.port).into(),
                admin: self
                    .admin_port
                    .map(|port| (self.admin_ip.unwrap_or(self.ip), port).into()),
                tls: tls::Settings {
                    enabled: self.usetls,
                    certfile: self.certfile,
                    privkeyfile: self.privkeyfile,
                    cafile: self.cafile,
                    reload_interval: self.tls_reload_interval,
                },
                limits: self.limits,
            },
            upstream: self.upstream.settings(),
            log: log::Settings {
                level: self.loglevel.into(),
                format: self.log_format,
                dir: self.logdir,
            },
        }
    }
}

impl UpstreamFlags {
    fn settings(self) -> Option<client::Settings> {
        if self.client_ip.is_none() && self.client_port.is_none() {
            return None;
        }
        let host = self.client_ip.unwrap_or_else(|| "localhost".into());
        Some(client::Settings {
            tls: client_tls(
                self.client_usetls,
                self.client_cafile,
                self.client_certfile,
                self.client_privkeyfile,
            ),
            attempts: self.client_attempts,
            connect_timeout: self.client_connect_timeout,
            call_timeout: self.client_timeout,
            ..client::Settings::new(host, self.client_port.unwrap_or(UPSTREAM_PORT))
        })
    }
}

impl DemoFlags {
    fn settings(self) -> client::Settings {
        client::Settings {
            tls: client_tls(self.usetls, self.cafile, self.certfile, self.privkeyfile),
            ..client::Settings::new(self.ip, self.port)
        }
    }
}

/// The flags demand a CA with TLS, and a key with a certificate.
fn client_tls(
    enabled: bool,
    cafile: Option<PathBuf>,
    certfile: Option<PathBuf>,
    privkeyfile: Option<PathBuf>,
) -> Option<client::Tls> {
    enabled.then_some(client::Tls {
        cafile: cafile?,
        identity: certfile.zip(privkeyfile),
    })
}

fn parse_as<F: CommandFactory + FromArgMatches>(
    args: impl IntoIterator<Item = OsString>,
) -> Result<F, Answer> {
    // One rule for all flags, so that none is forgotten.
    let command = F::command()
        .disable_version_flag(true)
        .mut_args(|arg| {
            let variable = variable(arg.get_id().as_str());
            arg.env(variable).hide_env(true)
        })
        .arg(
            Arg::new("version")
                .short('v')
                .visible_short_alias('V')
                .long("version")
                .action(ArgAction::Version)
                .help("Print version")
                .help_heading(None),
        );
    let matches = command.try_get_matches_from(args).map_err(Answer)?;
    F::from_arg_matches(&matches).map_err(Answer)
}
