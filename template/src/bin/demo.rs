//! The demo client: says hello to a running service.

use std::{error::Error, process::ExitCode};

use {{crate_name}}::{
    cli,
    client::{Api, Client, Settings},
    telemetry::log,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = match cli::parse_demo() {
        Ok(settings) => settings,
        Err(answer) => return answer.print(),
    };
    match say_hello(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn say_hello(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let log = log::Settings {
        level: log::LogLevel::Info,
        dir: None,
        format: log::Format::Text,
    };
    log::init(&log, None)?;
    let client = Client::connect(settings).await?;
    let message = "Hello, world!";
    println!("Sending message:{message:?}");
    let answer = client.hello(message.into()).await?;
    println!("Got response message:{answer:?}");
    client.close();
    println!("Closed connection.");
    Ok(())
}
