//! The messages in a request, as far as their lengths tell of them. No byte of a
//! message is copied.

/// The largest message in bytes that isn't counted, if it comes all at once: there are
/// no more of them than permits.
const SMALL: usize = 4 * 1024;

/// The flag of compression, and the length (PROTOCOL-HTTP2.md).
const PREFIX: usize = 5;

/// Where a body is in its messages.
#[derive(Default)]
pub(super) struct Messages {
    prefix: [u8; PREFIX],
    /// How much of the prefix is there.
    have: usize,
    /// How much of the message is still to come.
    left: usize,
    begun: bool,
    several: bool,
}

impl Messages {
    /// Goes on by `data`. Returns the length of the last message that begins in it, unless
    /// it is small and all there.
    pub(super) fn go_on(&mut self, mut data: &[u8]) -> Option<usize> {
        let mut length = None;
        while !data.is_empty() {
            if self.left > 0 {
                let now = self.left.min(data.len());
                self.left -= now;
                data = &data[now..];
                continue;
            }
            self.several |= self.begun;
            let now = (PREFIX - self.have).min(data.len());
            self.prefix[self.have..self.have + now].copy_from_slice(&data[..now]);
            self.have += now;
            data = &data[now..];
            if self.have == PREFIX {
                self.have = 0;
                self.begun = true;
                let [_, of_message @ ..] = self.prefix;
                self.left = u32::from_be_bytes(of_message) as usize;
                length = Some(self.left);
            }
        }
        length.filter(|length| *length > SMALL || self.left > 0)
    }

    /// Whether there was more than one message, or anything behind the first.
    pub(super) fn are_several(&self) -> bool {
        self.several
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a message of so many bytes looks like.
    fn message(length: usize) -> Vec<u8> {
        let prefix = u32::try_from(length).unwrap().to_be_bytes();
        [&[0], &prefix[..], &vec![7; length]].concat()
    }

    #[test]
    fn a_small_message_in_one_piece_counts_for_nothing() {
        let mut messages = Messages::default();
        assert_eq!(messages.go_on(&message(100)), None);
        assert_eq!(messages.go_on(&[message(100), message(0)].concat()), None);
        assert_eq!(messages.go_on(&message(SMALL + 1)), Some(SMALL + 1));
    }

    #[test]
    fn a_message_in_pieces_counts_when_its_length_is_known() {
        let mut messages = Messages::default();
        let all = [message(10), message(3000)].concat();
        let begun: Vec<_> = all.chunks(7).filter_map(|it| messages.go_on(it)).collect();
        assert_eq!(begun, [10, 3000]);
    }

    #[test]
    fn one_message_is_one_however_it_is_cut() {
        let several = |bytes: &[u8], size| {
            let mut messages = Messages::default();
            for data in bytes.chunks(size) {
                messages.go_on(data);
            }
            messages.are_several()
        };
        let (some, none) = (message(3), message(0));
        for size in 1..=20 {
            assert!(!several(&some, size), "{size}");
            assert!(!several(&none, size), "{size}");
            assert!(several(&[&some[..], &[0]].concat(), size), "{size}");
            assert!(several(&[&some[..], &some].concat(), size), "{size}");
            assert!(several(&[&none[..], &none].concat(), size), "{size}");
        }
    }
}
