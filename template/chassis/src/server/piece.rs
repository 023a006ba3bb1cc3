//! The pieces in which a response is handed to h2.
//!
//! hyper waits for room for one byte, and then hands h2 all of a piece. So pieces are
//! small, and what they are pieces of stays in sight of the limits until the last of
//! them has got to the socket.

use std::sync::Arc;

use hyper::body::{Buf, Bytes};

use super::memory::{Charge, Holdings};

/// The largest piece in bytes. 16 KiB: the largest frame that most peers take (RFC 9113,
/// section 6.5.2).
const MAX_PIECE: usize = 16 * 1024;

/// What is held of a message besides its bytes: h2's stream, and a head.
const MORE: usize = 512;

/// A piece of a message.
pub(super) struct Piece {
    bytes: Bytes,
    _held: Charge,
    /// What goes back with the last piece, since all are parts of one allocation.
    _whole: Option<Arc<Charge>>,
}

/// A message that isn't on its way yet, or not all of it.
pub(super) struct Message {
    rest: Bytes,
    whole: Arc<Charge>,
}

/// The first piece of a message, and what it leaves; none where there is no room.
pub(super) fn first(bytes: Bytes, of: &Arc<Holdings>) -> Option<(Piece, Option<Message>)> {
    let held = of.charge(bytes.len() + MORE)?;
    if bytes.len() <= MAX_PIECE {
        let piece = Piece {
            bytes,
            _held: held.send(),
            _whole: None,
        };
        return Some((piece, None));
    }
    let mut message = Message {
        rest: bytes,
        whole: Arc::new(held),
    };
    let piece = message.next()?;
    Some((piece, Some(message)))
}

impl Message {
    /// The next piece, if there is one left.
    pub(super) fn next(&mut self) -> Option<Piece> {
        if self.rest.is_empty() {
            return None;
        }
        Some(Piece {
            bytes: self.rest.split_to(self.rest.len().min(MAX_PIECE)),
            _held: self.whole.send_part(),
            _whole: Some(self.whole.clone()),
        })
    }
}

#[cfg(feature = "web")]
impl Piece {
    /// The same, written in another way.
    pub(super) fn map(self, write: impl FnOnce(Bytes) -> Bytes) -> Self {
        Self {
            bytes: write(self.bytes),
            ..self
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::memory::Memory;

    #[test]
    fn a_message_is_held_until_its_last_piece_is_sent() {
        let memory = Memory::new(150 * 1024);
        let holdings = memory.open();
        let large = || Bytes::from(vec![7; 100 * 1024]);
        let (first_piece, rest) = first(large(), &holdings).unwrap();
        let mut rest = rest.unwrap();
        let mut sent = first_piece.remaining();
        drop(first_piece);
        let mut last = None;
        while let Some(piece) = rest.next() {
            assert!(piece.remaining() <= MAX_PIECE);
            sent += piece.remaining();
            last = Some(piece);
        }
        assert_eq!(sent, 100 * 1024);
        drop(rest);
        let others: Vec<_> = (0..2).map_while(|_| first(large(), &holdings)).collect();
        assert_eq!(
            others.len(),
            1,
            "it is still there, however small the last piece"
        );
        drop((last, others));
        assert!(first(large(), &holdings).is_some());
    }
}
