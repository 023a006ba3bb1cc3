//! What a request says of gzip, field by field.

pub(super) const GZIP: &str = "gzip";
pub(super) const ENCODING: &str = "grpc-encoding";
pub(super) const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// What the head of a request says of gzip.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::server) struct Encoding {
    /// That of its messages.
    pub(super) sent: Sent,
    /// Whether those of its response may be.
    pub(super) accepts: bool,
}

/// How the messages of a request are compressed, or may be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Sent {
    /// Nothing is said.
    #[default]
    Unnamed,
    /// Not at all.
    Identity,
    Gzip,
    /// In another way.
    Other,
}

impl Encoding {
    /// Looks at one field of the head.
    pub(in crate::server) fn see(&mut self, name: &str, value: &[u8]) {
        match name {
            ENCODING => {
                self.sent = match value {
                    b"gzip" => Sent::Gzip,
                    b"" | b"identity" => Sent::Identity,
                    _ => Sent::Other,
                };
            }
            ACCEPT_ENCODING => self.accepts |= names_gzip(value),
            _ => {}
        }
    }
}

/// Whether one of the encodings in `list` is gzip.
fn names_gzip(list: &[u8]) -> bool {
    let mut names = list.split(|byte| *byte == b',');
    names.any(|name| name.trim_ascii() == GZIP.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_found_among_others_in_any_of_several_fields() {
        let mut encoding = Encoding::default();
        encoding.see(ACCEPT_ENCODING, b"identity,deflate");
        assert_eq!(encoding, Encoding::default());
        encoding.see(ACCEPT_ENCODING, b"identity, gzip");
        encoding.see(ACCEPT_ENCODING, b"br");
        assert!(encoding.accepts);
        encoding.see("x-encoding", b"gzip");
        assert_eq!(encoding.sent, Sent::Unnamed);
        for (value, sent) in [
            ("", Sent::Identity),
            ("identity", Sent::Identity),
            ("zstd", Sent::Other),
            ("gzip, identity", Sent::Other),
            (GZIP, Sent::Gzip),
        ] {
            encoding.see(ENCODING, value.as_bytes());
            assert_eq!(encoding.sent, sent, "{value}");
        }
    }
}
