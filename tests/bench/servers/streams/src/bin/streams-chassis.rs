//! Streams on the chassis, as any service has it: flags, limits, logs, metrics and all.

use std::{convert::Infallible, process::ExitCode};

use bare::{Echoes, proto::echo_service_server::EchoServiceServer};
use chassis::{
    About, App, Setup,
    cli::{self, Flags},
    server::{Rpcs, limits::MAX_MESSAGE_SIZE},
};
use streams::{DESCRIPTORS, Ticks, proto::stream_service_server::StreamServiceServer};

const ABOUT: About = chassis::about! {
    year: "2026",
    env_prefix: "STREAMS",
    port: 42300,
};

struct Streams;

impl App for Streams {
    type Error = Infallible;

    fn check(&self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn start(self, _: &Setup) -> Result<Rpcs, Infallible> {
        let server = StreamServiceServer::new(Ticks)
            .max_decoding_message_size(MAX_MESSAGE_SIZE)
            .max_encoding_message_size(MAX_MESSAGE_SIZE);
        let echo = EchoServiceServer::new(Echoes);
        Ok(Rpcs::new()
            .with(bare::DESCRIPTORS, echo)
            .with(DESCRIPTORS, server))
    }
}

fn main() -> ExitCode {
    match cli::parse::<Flags>(&ABOUT) {
        Ok(flags) => chassis::main(&ABOUT, flags, Streams),
        Err(answer) => answer.print(),
    }
}
