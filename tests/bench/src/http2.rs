//! The client: just enough HTTP/2 to keep a number of RPCs in flight, and cheap enough
//! to leave the machine to the server.
//!
//! It sends one request over and over, in as few writes as it can, counts the bytes of
//! each reply, and takes anything but a full reply for an error.

use std::{collections::VecDeque, io, time::Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::wire::Wire;

/// Bytes of the message in every request.
pub const MESSAGE: usize = 1450;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Room for replies: as much as the protocol allows.
const WINDOW: u32 = (1 << 31) - 1;
const DEFAULT_WINDOW: u32 = 65_535;

/// A connection that sends one kind of request.
pub struct Connection {
    wire: Wire,
    received: Vec<u8>,
    unsent: Vec<u8>,
    /// Headers of the first request, which leaves them in the server's table.
    headers: Vec<u8>,
    body: Vec<u8>,
    next_stream: u32,
    /// Requests on their way, from stream `next_stream - 2 * len` on; `None` is answered.
    calls: VecDeque<Option<Call>>,
    in_flight: usize,
    send_window: i64,
    /// Bytes received and not given back to the server's window.
    consumed: u32,
}

struct Call {
    sent: Instant,
    replied: usize,
}

impl Connection {
    /// Of requests to `path`, over `wire`.
    pub fn new(wire: Wire, path: &str) -> Self {
        let mut unsent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let initial_window = [&4_u16.to_be_bytes()[..], &WINDOW.to_be_bytes()].concat();
        frame(&mut unsent, SETTINGS, 0, 0, &initial_window);
        let more = (WINDOW - DEFAULT_WINDOW).to_be_bytes();
        frame(&mut unsent, WINDOW_UPDATE, 0, 0, &more);
        Self {
            wire,
            received: Vec::with_capacity(256 * 1024),
            unsent,
            headers: first_headers(path),
            body: message(MESSAGE),
            next_stream: 1,
            calls: VecDeque::new(),
            in_flight: 0,
            send_window: DEFAULT_WINDOW.into(),
            consumed: 0,
        }
    }

    /// Keeps up to `in_flight` RPCs going until `end`, or until `limit` are done. Returns
    /// how many nanoseconds each took.
    pub async fn call(
        &mut self,
        in_flight: usize,
        limit: usize,
        end: Option<Instant>,
    ) -> io::Result<Vec<u32>> {
        let mut latencies = Vec::new();
        let mut started = 0;
        let mut now = Instant::now();
        loop {
            let ended = end.is_some_and(|end| now >= end);
            while !ended && started < limit && self.in_flight < in_flight && self.may_send() {
                self.start(now);
                started += 1;
            }
            if !self.unsent.is_empty() {
                self.wire.write_all(&self.unsent).await?;
                self.wire.flush().await?;
                self.unsent.clear();
            }
            if self.in_flight == 0 {
                return Ok(latencies);
            }
            if self.wire.read_buf(&mut self.received).await? == 0 {
                return Err(broken("the server closed the connection"));
            }
            now = Instant::now();
            self.take_frames(now, &mut latencies)?;
        }
    }

    fn may_send(&self) -> bool {
        usize::try_from(self.send_window).is_ok_and(|window| window >= self.body.len())
    }

    fn start(&mut self, now: Instant) {
        let id = self.next_stream;
        frame(&mut self.unsent, HEADERS, END_HEADERS, id, &self.headers);
        frame(&mut self.unsent, DATA, END_STREAM, id, &self.body);
        if id == 1 {
            self.headers = later_headers();
        }
        self.send_window -= i64::try_from(self.body.len()).expect("a small body");
        self.next_stream += 2;
        self.in_flight += 1;
        self.calls.push_back(Some(Call {
            sent: now,
            replied: 0,
        }));
    }

    fn take_frames(&mut self, now: Instant, latencies: &mut Vec<u32>) -> io::Result<()> {
        let received = std::mem::take(&mut self.received);
        let mut rest = &received[..];
        while let Some((head, after)) = rest.split_first_chunk::<9>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some((payload, after)) = after.split_at_checked(length) else {
                break;
            };
            let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            self.take_frame(head[3], head[4], id, payload, now, latencies)?;
            rest = after;
        }
        let kept = rest.len();
        self.received = received;
        let done = self.received.len() - kept;
        self.received.drain(..done);
        if self.consumed > WINDOW / 2 {
            let more = self.consumed.to_be_bytes();
            frame(&mut self.unsent, WINDOW_UPDATE, 0, 0, &more);
            self.consumed = 0;
        }
        Ok(())
    }

    fn take_frame(
        &mut self,
        kind: u8,
        flags: u8,
        id: u32,
        payload: &[u8],
        now: Instant,
        latencies: &mut Vec<u32>,
    ) -> io::Result<()> {
        match kind {
            DATA | HEADERS => {
                let oldest = self.next_stream - 2 * u32::try_from(self.calls.len()).expect("few");
                let slot = id
                    .checked_sub(oldest)
                    .and_then(|ahead| self.calls.get_mut(ahead as usize / 2))
                    .ok_or_else(|| broken("a reply to nothing"))?;
                let call = slot.as_mut().ok_or_else(|| broken("a second reply"))?;
                if kind == DATA {
                    call.replied += payload.len();
                    self.consumed += u32::try_from(payload.len()).expect("at most 16 MiB");
                }
                if flags & END_STREAM != 0 {
                    if call.replied != self.body.len() {
                        return Err(broken("an RPC failed"));
                    }
                    let took = now.duration_since(call.sent).as_nanos();
                    latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
                    *slot = None;
                    self.in_flight -= 1;
                    while matches!(self.calls.front(), Some(None)) {
                        self.calls.pop_front();
                    }
                }
            }
            SETTINGS if flags & ACK == 0 => frame(&mut self.unsent, SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => frame(&mut self.unsent, PING, ACK, 0, payload),
            WINDOW_UPDATE if id == 0 => {
                let more = payload.try_into().map_err(|_| broken("a bad frame"))?;
                self.send_window += i64::from(u32::from_be_bytes(more));
            }
            // grpc-go sends NO_ERROR where its reply overtakes its own notice of END_STREAM.
            RST_STREAM if payload != [0; 4] => return Err(broken("the server reset a stream")),
            GOAWAY => return Err(broken("the server is going away")),
            _ => {}
        }
        Ok(())
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a small frame");
    to.extend_from_slice(&length.to_be_bytes()[1..]);
    to.extend_from_slice(&[kind, flags]);
    to.extend_from_slice(&id.to_be_bytes());
    to.extend_from_slice(payload);
}

/// `:method POST` and `:scheme http`: entries of HPACK's static table.
const FROM_STATIC_TABLE: [u8; 2] = [0x83, 0x86];

/// The headers of a gRPC request, each to be kept in the server's dynamic table.
fn first_headers(path: &str) -> Vec<u8> {
    let mut block = FROM_STATIC_TABLE.to_vec();
    // 0x40: a literal to keep. The static table names 4 :path, 1 :authority,
    // 31 content-type, 58 user-agent.
    for (name, value) in [
        (4, path),
        (1, "localhost"),
        (31, "application/grpc"),
        (58, "bench/1"),
    ] {
        block.push(0x40 | name);
        string(&mut block, value);
    }
    block.push(0x40);
    string(&mut block, "te");
    string(&mut block, "trailers");
    block
}

/// The same headers, by their places in the dynamic table, the newest first from 62 on.
fn later_headers() -> Vec<u8> {
    [
        &FROM_STATIC_TABLE[..],
        &[66, 65, 64, 63, 62].map(|n| 0x80 | n),
    ]
    .concat()
}

fn string(block: &mut Vec<u8>, text: &str) {
    // 127 and more would need a second byte.
    block.push(
        u8::try_from(text.len())
            .ok()
            .filter(|n| *n < 127)
            .expect("a short text"),
    );
    block.extend_from_slice(text.as_bytes());
}

/// One gRPC message, holding a protobuf message with one string of so many bytes.
pub fn message(size: usize) -> Vec<u8> {
    let mut head = vec![0x0a];
    let mut left = size;
    while left > 0x7f {
        head.push(low_bits(left) | 0x80);
        left >>= 7;
    }
    head.push(low_bits(left));
    let length = u32::try_from(head.len() + size).expect("a message below 4 GiB");
    let mut message = vec![0];
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&head);
    message.resize(message.len() + size, b'x');
    message
}

/// Seven bits of a variable-length integer.
fn low_bits(n: usize) -> u8 {
    u8::try_from(n & 0x7f).expect("seven bits")
}
