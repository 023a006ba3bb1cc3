//! Where a service is that this one calls: the same flags under any prefix, for
//! as many upstreams as a service has.

use std::{marker::PhantomData, path::PathBuf, time::Duration};

use clap::{
    Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, Error, FromArgMatches, value_parser,
};

use crate::{
    channel::{self, Tls},
    values::{DAY, HOUR, MILLION, MILLISECOND, number, time as time_between},
};

/// What the flags of an upstream begin with, and where it is by default.
pub trait Prefix: Clone + Send + Sync + 'static {
    /// As in `inventory`, for `--inventory-ip`. Lower-case words joined by `-`.
    const PREFIX: &'static str;
    /// Its port, unless a flag says otherwise.
    const PORT: u16;
}

/// The flags of an upstream, to be flattened into those of a service. There is
/// none unless its host or its port is given.
///
/// ```
/// use chassis::cli::{Prefix, Upstream};
/// use clap::Args;
///
/// #[derive(Clone)]
/// struct Inventory;
///
/// impl Prefix for Inventory {
///     const PREFIX: &str = "inventory";
///     const PORT: u16 = 42400;
/// }
///
/// #[derive(Clone)]
/// struct Payments;
///
/// impl Prefix for Payments {
///     const PREFIX: &str = "card-payments";
///     const PORT: u16 = 42500;
/// }
///
/// #[derive(Args)]
/// struct Flags {
///     #[command(flatten, next_help_heading = "Inventory")]
///     inventory: Upstream<Inventory>,
///     #[command(flatten, next_help_heading = "Payments")]
///     payments: Upstream<Payments>,
/// }
///
/// # const ABOUT: chassis::About =
/// #     chassis::about! { year: "2026", env_prefix: "SHOP", port: 50051 };
/// let arguments = "shop --inventory-ip 10.0.0.7 --inventory-timeout 1s --card-payments-port 443";
/// let flags: Flags = chassis::cli::parse_from(&ABOUT, arguments.split(' ')).unwrap();
/// let (inventory, payments) = (flags.inventory.settings(), flags.payments.settings());
/// assert_eq!(inventory.unwrap().address(), "10.0.0.7:42400");
/// assert_eq!(payments.unwrap().address(), "localhost:443");
/// ```
#[derive(Clone, Debug)]
pub struct Upstream<P> {
    settings: Option<channel::Settings>,
    prefix: PhantomData<P>,
}

impl<P> Upstream<P> {
    /// Where it is, and how to reach it; none where no flag names it.
    #[must_use]
    pub fn settings(self) -> Option<channel::Settings> {
        self.settings
    }
}

/// A flag's id, which names its environment variable as well.
fn id<P: Prefix>(name: &str) -> String {
    format!("{}_{name}", P::PREFIX.replace('-', "_"))
}

fn flag<P: Prefix>(name: &str, help: &'static str) -> Arg {
    let long = format!("{}-{}", P::PREFIX, name.replace('_', "-"));
    Arg::new(id::<P>(name)).long(long).help(help)
}

fn file<P: Prefix>(name: &str, help: &'static str) -> Arg {
    let file = flag::<P>(name, help).value_name("FILE");
    file.value_parser(value_parser!(PathBuf))
}

fn time<P: Prefix>(
    name: &str,
    default: &'static str,
    longest: Duration,
    help: &'static str,
) -> Arg {
    let time = flag::<P>(name, help).value_name("TIME");
    time.default_value(default)
        .value_parser(time_between(MILLISECOND, longest))
}

impl<P: Prefix> Args for Upstream<P> {
    fn augment_args(command: Command) -> Command {
        let id = id::<P>;
        let named = ArgGroup::new(id("upstream"))
            .args([id("ip"), id("port")])
            .multiple(true);
        command
            .arg(
                flag::<P>(
                    "ip",
                    "Host of the service to call, or unix:PATH [default: localhost]",
                )
                .value_name("HOST"),
            )
            .arg(
                flag::<P>("port", "Its port")
                    .help(format!("Its port [1 to 65535] [default: {}]", P::PORT))
                    .value_name("PORT")
                    .value_parser(number(1, u16::MAX)),
            )
            .group(named)
            .arg(
                flag::<P>("usetls", "Use TLS towards it")
                    .action(ArgAction::SetTrue)
                    .requires(id("upstream")),
            )
            .arg(
                file::<P>("cafile", "CA that its certificate must come from (PEM)")
                    .requires(id("usetls"))
                    .required_if_eq(id("usetls"), "true"),
            )
            .arg(
                file::<P>("certfile", "Client certificate chain (PEM), for mutual TLS")
                    .requires(id("cafile"))
                    .requires(id("privkeyfile")),
            )
            .arg(
                file::<P>("privkeyfile", "Private key of the client certificate (PEM)")
                    .requires(id("certfile")),
            )
            .arg(
                file::<P>(
                    "token_file",
                    "Bearer token to show it, read again when it changes",
                )
                .requires(id("usetls")),
            )
            .arg(
                flag::<P>(
                    "attempts",
                    "How often to try to connect before giving up [1 to 1000000]",
                )
                .value_name("N")
                .default_value("4")
                .value_parser(number(1, MILLION)),
            )
            .arg(
                flag::<P>(
                    "wait",
                    "Start without it, and be ready once it answers, instead of giving up",
                )
                .action(ArgAction::SetTrue),
            )
            .arg(time::<P>(
                "connect_timeout",
                "5s",
                HOUR,
                "Longest time one attempt to connect may take [1ms to 1h]",
            ))
            .arg(time::<P>(
                "timeout",
                "10s",
                DAY,
                "Longest time until a call of it is answered, all attempts together [1ms to 1day]",
            ))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<P: Prefix> FromArgMatches for Upstream<P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let id = id::<P>;
        let host = matches.get_one::<String>(&id("ip"));
        let port = matches.get_one::<u16>(&id("port"));
        let path = |name| matches.get_one::<PathBuf>(&id(name)).cloned();
        let time = |name| matches.get_one::<Duration>(&id(name)).copied();
        let settings = (host.is_some() || port.is_some()).then(|| {
            let host = host.map_or("localhost", String::as_str);
            let default = channel::Settings::new(host, port.copied().unwrap_or(P::PORT));
            channel::Settings {
                tls: Tls::new(path("cafile"), path("certfile"), path("privkeyfile")),
                token_file: path("token_file"),
                attempts: matches
                    .get_one(&id("attempts"))
                    .copied()
                    .unwrap_or(default.attempts),
                wait: matches.get_flag(&id("wait")),
                connect_timeout: time("connect_timeout").unwrap_or(default.connect_timeout),
                call_timeout: time("timeout").unwrap_or(default.call_timeout),
                ..default
            }
        });
        let prefix = PhantomData;
        Ok(Self { settings, prefix })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
