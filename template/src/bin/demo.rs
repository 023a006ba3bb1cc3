//! The demo client: says hello to a running service.

use std::{error::Error, process::ExitCode};

use chassis::{
    Channel,
    channel::Settings,
    cli::{complain, say},
    telemetry::log,
};

use {{crate_name}}::cli::{self, DEMO};
use {{crate_name}}_api::{self as api, Api};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let target = match cli::parse_demo() {
        Ok(target) => target,
        Err(answer) => return answer.print(),
    };
    match say_hello(&target.into()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{}: {error}", DEMO.name));
            ExitCode::FAILURE
        }
    }
}

async fn say_hello(settings: &Settings) -> Result<(), Box<dyn Error>> {
    log::to_terminal(&DEMO);
    let channel = Channel::connect(settings, api::DESCRIPTORS).await?;
    let client = api::Client::new(channel);
    let message = "Hello, world!";
    say(format_args!("Sending message:{message:?}"))?;
    let answer = client.hello(message.into()).await?;
    say(format_args!("Got response message:{answer:?}"))?;
    drop(client);
    say("Closed connection.")?;
    Ok(())
}
