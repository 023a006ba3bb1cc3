//! Streams, the same of both servers: the handler, and its contract.

use std::{
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::{Instant, interval_at};
use tokio_stream::{Stream, StreamExt, wrappers::IntervalStream};
use tonic::{Request, Response, Status, codegen::Bytes};

/// Messages and stubs, generated from the contract.
#[allow(clippy::pedantic)]
pub mod proto {
    tonic::include_proto!("streams.v1");
}

/// The contract, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

use proto::{TickRequest, TickResponse, stream_service_server::StreamService};

/// Ticks as often as it is asked to.
pub struct Ticks;

#[tonic::async_trait]
impl StreamService for Ticks {
    type TickStream = Pin<Box<dyn Stream<Item = Result<TickResponse, Status>> + Send>>;

    async fn tick(
        &self,
        request: Request<TickRequest>,
    ) -> Result<Response<Self::TickStream>, Status> {
        let TickRequest {
            count,
            interval_ms,
            size,
        } = request.into_inner();
        let filling = Bytes::from(vec![b'x'; size as usize]);
        let tick = move || {
            let filling = filling.clone();
            let nanos = nanos_since_1970();
            Ok(TickResponse { nanos, filling })
        };
        Ok(Response::new(match u64::from(interval_ms) {
            0 => Box::pin(tokio_stream::iter((0..count).map(move |_| tick()))),
            milliseconds => {
                let interval = interval_at(Instant::now(), Duration::from_millis(milliseconds));
                let ticks = IntervalStream::new(interval).map(move |_| tick());
                Box::pin(ticks.take(count as usize))
            }
        }))
    }
}

fn nanos_since_1970() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(0))
}
