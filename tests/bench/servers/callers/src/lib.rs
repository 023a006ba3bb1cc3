//! A program that calls: the same load, over whatever channel it is given.

use std::{
    env,
    error::Error,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use bare::proto::{Echo, echo_service_client::EchoServiceClient};
use tokio::task::JoinSet;
use tonic::{
    Status,
    body::Body,
    client::GrpcService,
    codegen::{self, Bytes, StdError},
};

#[path = "../../../src/cpu.rs"]
mod cpu;

/// As the driver's.
const MESSAGE: usize = 1450;

/// What to call, and how: the arguments of the program.
pub struct Load {
    /// Of the server, at all of its addresses.
    pub port: u16,
    addresses: u8,
    in_flight: usize,
    duration: Duration,
}

impl Load {
    /// Reads PORT ADDRESSES IN-FLIGHT MILLISECONDS.
    pub fn parse() -> Result<Self, Box<dyn Error>> {
        let usage = "which port, how many addresses, RPCs in flight and milliseconds?";
        let arguments: [String; 4] = env::args()
            .skip(1)
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| usage)?;
        let [port, addresses, in_flight, duration] = arguments;
        Ok(Self {
            port: port.parse()?,
            addresses: addresses.parse()?,
            in_flight: in_flight.parse()?,
            duration: Duration::from_millis(duration.parse()?),
        })
    }

    /// The addresses of the server: the first of the loopback network.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        (1..=self.addresses).map(|last| Ipv4Addr::new(127, 0, 0, last))
    }

    /// Keeps as many calls in flight, and prints how many RPCs there were in how many seconds,
    /// and the seconds of CPU time that they took in here.
    pub async fn run<C, B>(&self, channel: C) -> Result<(), Box<dyn Error>>
    where
        C: GrpcService<Body, Future: Send, ResponseBody = B> + Clone + Send + Sync + 'static,
        B: codegen::Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
    {
        let client = EchoServiceClient::new(channel);
        self.call(&client, self.duration / 5).await?;
        let (begin, cpu) = (Instant::now(), cpu::of("self")?);
        let rpcs = self.call(&client, self.duration).await?;
        let (took, cpu) = (begin.elapsed(), cpu::of("self")?.saturating_sub(cpu));
        println!("{rpcs} {} {}", took.as_secs_f64(), cpu.as_secs_f64());
        Ok(())
    }

    async fn call<C, B>(
        &self,
        client: &EchoServiceClient<C>,
        duration: Duration,
    ) -> Result<usize, Box<dyn Error>>
    where
        C: GrpcService<Body, Future: Send, ResponseBody = B> + Clone + Send + Sync + 'static,
        B: codegen::Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
    {
        let end = Instant::now() + duration;
        let mut callers = JoinSet::new();
        for _ in 0..self.in_flight {
            let mut client = client.clone();
            callers.spawn(async move {
                let mut rpcs = 0;
                while Instant::now() < end {
                    let message = "x".repeat(MESSAGE);
                    let answer = client.hello(Echo { message }).await?;
                    if answer.into_inner().message.len() != MESSAGE {
                        return Err(Status::internal("another answer"));
                    }
                    rpcs += 1;
                }
                Ok(rpcs)
            });
        }
        let mut rpcs = 0;
        while let Some(done) = callers.join_next().await {
            rpcs += done??;
        }
        Ok(rpcs)
    }
}
