//! The flags that every service has, to be flattened into its own, and the
//! parsing of both.
//!
//! A flag beats the environment, the environment beats the default. The
//! variable of `--admin-port` is `ORDER_BOOK_ADMIN_PORT` where the service's
//! [`About`] has the prefix `ORDER_BOOK`. `ORDER_BOOK_ADMIN_PORT_FILE` names a file with the
//! value instead, as it is the habit with secrets. With the feature `config`, `--config` names
//! a file of TOML whose keys are the names of flags; it beats the default alone.
//!
//! `--print-config` shows every value and where it is from, but for secrets: those that came
//! from a file of their own, and those of flags with `hide_env_values`.
//!
//! | file       | its concern                                              |
//! |------------|----------------------------------------------------------|
//! | `flags`    | what every service can be told                           |
//! | `upstream` | where a service is that this one calls, under any prefix |
//! | `target`   | where the service is that a client program calls         |
//! | `given`    | what files say instead of flags                          |
//! | `config`   | the file of settings (feature `config`)                  |
//! | `shown`    | every value, and where it is from                        |
//! | `answer`   | help, version, settings, or what is wrong                |
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
#[cfg(feature = "config")]
mod config;
mod flags;
mod given;
mod shown;
mod similar;
mod target;
mod terminal;
mod upstream;

use std::{env, ffi::OsString};

use clap::{Arg, ArgAction, Args, Command};

use self::given::Given;
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
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let problem = |problem| Answer::problem(about, problem);
    let given = Given::read(about, &command, &arguments).map_err(problem)?;
    let arguments = given.add_to(&command, arguments).map_err(problem)?;
    let wrong = |error| Answer::of_clap(about, &command, &given, &error);
    let mut parsed = command.clone();
    let matches = parsed.try_get_matches_from_mut(arguments).map_err(wrong)?;
    let flags = F::from_arg_matches(&matches).map_err(wrong)?;
    if matches.get_flag(shown::ID) {
        let shown = shown::all(about, &command, &given, &matches);
        return Err(Answer::text(about, shown));
    }
    Ok(flags)
}

/// Takes what begins with a hyphen for a value where it can be nothing else: so that the
/// range is told of what is negative, and not that there is no flag -1.
fn as_given(arg: Arg) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    let mut names = arg.get_value_names().unwrap_or_default().iter();
    if names.any(|name| ["TIME", "BYTES"].contains(&name.as_str())) {
        return arg.allow_hyphen_values(true);
    }
    arg.allow_negative_numbers(true)
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
            as_given(arg).env(variable).hide_env(true)
        });
    #[cfg(feature = "config")]
    let command = command.arg(
        Arg::new(config::ID)
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(std::path::PathBuf))
            .env(about.variable(config::ID))
            .hide_env(true)
            .help("File of settings (TOML): its keys are the names of flags, which beat it")
            .help_heading(None),
    );
    let command = command.arg(
        Arg::new(shown::ID)
            .long("print-config")
            .action(ArgAction::SetTrue)
            .help("Print the value of every flag and where it is from, but no secrets")
            .help_heading(None),
    );
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
