//! Where the service is that a client program calls, such as a demo client.

use std::path::PathBuf;

use clap::Args;

use crate::{
    channel::{self, Tls},
    values::number,
};

/// The flags of a program that calls one service.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Target {
    /// Port of the service [1 to 65535]
    // Its default is that of the service: see `About`.
    #[arg(short, long, value_parser = number(1, u16::MAX))]
    port: u16,
    /// Host of the service, or unix:PATH
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

impl From<Target> for channel::Settings {
    fn from(target: Target) -> Self {
        Self {
            tls: Tls::new(target.cafile, target.certfile, target.privkeyfile),
            ..Self::new(target.ip, target.port)
        }
    }
}
