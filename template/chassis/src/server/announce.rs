//! The server's SETTINGS, as they leave.
//!
//! h2 announces what it enforces, and it enforces by a bare 431, which to a gRPC
//! client is UNKNOWN. So it is told a higher limit, and `protocol` keeps to the one
//! that is meant; and that one is announced, so that clients which heed it fail
//! before they send.

/// SETTINGS (RFC 9113, section 6.5), and of it SETTINGS_MAX_HEADER_LIST_SIZE.
const SETTINGS: u8 = 4;
const MAX_HEADER_LIST_SIZE: [u8; 2] = [0, 6];

/// Has the SETTINGS frame that `bytes` begins with announce `limit`.
pub(super) fn announce(bytes: &mut [u8], limit: u32) {
    let &mut [a, b, c, SETTINGS, _, _, _, _, _, ref mut rest @ ..] = bytes else {
        return;
    };
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    // Identifiers of two bytes, and values of four.
    for setting in rest.chunks_exact_mut(6).take(length / 6) {
        if setting[..2] == MAX_HEADER_LIST_SIZE {
            setting[2..].copy_from_slice(&limit.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_setting_of_the_first_frame_changes() {
        let settings = [0, 4, 0, 0, 0, 9, 0, 6, 0, 1, 0, 0];
        let frame = [&[0, 0, 12, SETTINGS, 0, 0, 0, 0, 0][..], &settings].concat();
        let mut bytes = [&*frame, &frame].concat();
        announce(&mut bytes, 1024);
        let announced = [0, 4, 0, 0, 0, 9, 0, 6, 0, 0, 4, 0];
        assert_eq!(bytes, [&frame[..9], &announced, &frame].concat());
    }

    #[test]
    fn what_is_no_settings_frame_stays_as_it_is() {
        for bytes in [
            &[][..],
            &[0; 8],
            &[0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0],
        ] {
            let mut same = bytes.to_vec();
            announce(&mut same, 1024);
            assert_eq!(same, bytes);
        }
    }
}
