//! The flags that every service has, to be flattened into its own, and the
//! parsing of both.
//!
//! A flag beats the environment, the environment beats the default. The
//! variable of `--admin-port` is `ORDER_BOOK_ADMIN_PORT` where the service's
//! [`About`] has the prefix `ORDER_BOOK`.
//!
//! | file       | its concern                                              |
//! |------------|----------------------------------------------------------|
//! | `flags`    | what every service can be told                           |
//! | `upstream` | where a service is that this one calls, under any prefix |
//! | `target`   | where the service is that a client program calls         |
//! | `answer`   | help, version, or what is wrong                          |
//! | `similar`  | the flag that a misspelt one was meant to be             |
//! | `terminal` | how to print, whoever reads it                           |
//!
//! ```
//! use chassis::{About, cli::Flags};
//! use clap::Args;
//!
//! const ABOUT: About = chassis::about! { year: "2026", env_prefix: "SHOP", port: 50051 };
//!
//! #[derive(Args)]
//! struct ShopFlags {
//!     /// Longest queue at the till
//!     #[arg(long, default_value_t = 7)]
//!     queue: usize,
//!     #[command(flatten)]
//!     chassis: Flags,
//! }
//!
//! let arguments = ["shop", "--queue", "3", "--loglevel", "2"];
//! let flags: ShopFlags = chassis::cli::parse_from(&ABOUT, arguments).unwrap();
//! assert_eq!(flags.queue, 3);
//! ```

mod answer;
mod flags;
mod similar;
mod target;
mod terminal;
mod upstream;

use std::{env, ffi::OsString};

use clap::{Arg, ArgAction, Args, Command};

pub use self::{
    answer::Answer,
    flags::{Flags, Invocation},
    target::Target,
    terminal::{complain, say},
    upstream::{Prefix, Upstream},
};
use crate::about::About;

/// The flag whose default is the service's own.
const PORT: &str = "port";

const HELP: &str = "\
{name} {version}
{about}

AUTHOR:
  {author}

USAGE:
  {usage}

{all-args}{after-help}";

/// Parses the command line and the environment of the program that `about` tells of.
pub fn parse<F: Args>(about: &'static About) -> Result<F, Answer> {
    parse_from(about, env::args_os())
}

/// The same with other arguments, the first of which is the program's name.
pub fn parse_from<F: Args>(
    about: &'static About,
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<F, Answer> {
    let command = command::<F>(about);
    let matches = command.clone().try_get_matches_from(arguments);
    matches
        .and_then(|matches| F::from_arg_matches(&matches))
        .map_err(|error| Answer::new(about, &command, error))
}

fn command<F: Args>(about: &About) -> Command {
    let command = F::augment_args(Command::new(about.name))
        .version(about.version)
        .author(about.authors)
        .about(about.description)
        .after_help(format!("© {} {}", about.year, about.authors))
        .help_template(HELP)
        .disable_version_flag(true)
        // One rule for all flags, so that none is forgotten.
        .mut_args(|arg| {
            let variable = about.variable(arg.get_id().as_str());
            let arg = if arg.get_id() == PORT {
                arg.default_value(about.port.to_string()).required(false)
            } else {
                arg
            };
            arg.env(variable).hide_env(true)
        });
    command.arg(
        Arg::new("version")
            .short('v')
            .visible_short_alias('V')
            .long("version")
            .action(ArgAction::Version)
            .help("Print version")
            .help_heading(None),
    )
}
