//! The text mode of gRPC-Web: base64, for what can only send and receive text.

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use hyper::body::Bytes;

/// Encodes a piece; pieces may follow each other, each with padding of its own.
pub(super) fn encode(bytes: &[u8]) -> Bytes {
    STANDARD.encode(bytes).into()
}

/// Decodes a body that comes in any pieces.
#[derive(Default)]
pub(super) struct Decoder {
    /// What is not yet four characters.
    rest: Vec<u8>,
}

impl Decoder {
    pub(super) fn decode(&mut self, piece: &[u8]) -> Result<Bytes, DecodeError> {
        self.rest.extend_from_slice(piece);
        let whole = self.rest.len() / 4 * 4;
        let mut decoded = Vec::with_capacity(whole / 4 * 3);
        let mut left = &self.rest[..whole];
        while !left.is_empty() {
            // Padding ends what was encoded as one, and something else may follow.
            let padding = left.iter().position(|character| *character == b'=');
            let (one, others) = left.split_at(padding.map_or(left.len(), |at| at / 4 * 4 + 4));
            STANDARD.decode_vec(one, &mut decoded)?;
            left = others;
        }
        self.rest.drain(..whole);
        Ok(decoded.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_in_pieces_is_decoded_in_others() {
        let encoded = [&b"a"[..], b"bc", b"def", b""].map(encode).concat();
        assert_eq!(encoded, b"YQ==YmM=ZGVm");
        for size in 1..=encoded.len() {
            let mut text = Decoder::default();
            let pieces = encoded.chunks(size);
            let decoded: Vec<_> = pieces.map(|piece| text.decode(piece).unwrap()).collect();
            assert_eq!(decoded.concat(), b"abcdef", "in pieces of {size}");
        }
        Decoder::default().decode(b"!!!!").unwrap_err();
    }
}
