//! base64url without padding (RFC 7515 section 2), where one value has one text.

pub(crate) mod fixed;

use std::sync::LazyLock;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::GeneralPurpose as Best;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::Simd as Best;
use base64::{Engine as _, engine::general_purpose::NO_PAD};

/// `NO_PAD` refuses padding, foreign characters and set trailing bits when it decodes (RFC 4648 sections 3.2, 3.3, 3.5).
static ENGINE: LazyLock<Best> = LazyLock::new(|| {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return Best::url_safe(NO_PAD);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return Best::new(&base64::alphabet::URL_SAFE, NO_PAD);
});

/// Characters that this many bytes take.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// Bytes that this many characters hold, if they are base64url at all.
pub(crate) const fn decoded_len(characters: usize) -> usize {
    characters / 4 * 3 + characters % 4 * 3 / 4
}

/// The text of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Writes the text of `bytes` behind what `output` holds.
pub(crate) fn append(bytes: &[u8], output: &mut Vec<u8>) {
    append_padded(bytes, bytes.len(), output);
}

/// The engine takes its vector instructions to nothing shorter than this.
pub(crate) const VECTOR_BYTES: usize = 128;

/// Writes the text of the first `len` of `padded` bytes; zeros follow them.
///
/// Zeros up to [`VECTOR_BYTES`] make claims twice as fast to encode. They leave no trace: the bits that end a text are
/// zero bits (RFC 4648 section 3.5), and what comes after is cut off.
pub(crate) fn append_padded(padded: &[u8], len: usize, output: &mut Vec<u8>) {
    let start = output.len();
    output.resize(start + encoded_len(padded.len()), 0);
    if let Some(room) = output.get_mut(start..) {
        // The room is exactly what the text takes, so that this cannot fail.
        let _ = ENGINE.encode_slice(padded, room);
    }
    output.truncate(start + encoded_len(len));
}

/// Writes the bytes of `text` to the start of `output`, which must hold [`decoded_len`] of them, and counts them.
/// `None` where the text is not the one text of any value.
pub(crate) fn decode(text: &str, output: &mut [u8]) -> Option<usize> {
    ENGINE.decode_slice(text, output).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_is_the_same_without_zeros_and_with(bytes: Vec<u8>, zeros in 0..140_usize, before in "[a-z]{0,9}") {
            let mut text = before.clone().into_bytes();
            let mut padded = bytes.clone();
            padded.resize(bytes.len() + zeros, 0);
            append_padded(&padded, bytes.len(), &mut text);
            prop_assert_eq!(text, (before + &URL_SAFE_NO_PAD.encode(&bytes)).into_bytes());
        }
    }

    #[test]
    fn both_lengths_are_what_the_engine_writes() {
        for len in 0..200 {
            let bytes = vec![0xA5; len];
            let mut text = Vec::new();
            append(&bytes, &mut text);
            assert_eq!(text.len(), encoded_len(len));
            assert_eq!(decoded_len(text.len()), len);
            // No slack: the engine needs no more room than it fills.
            let mut back = vec![0; len];
            assert_eq!(decode(std::str::from_utf8(&text).unwrap(), &mut back), Some(len));
            assert_eq!(back, bytes);
        }
    }

    #[test]
    fn a_value_has_one_text() {
        let mut output = [0; 8];
        assert_eq!(decode("AA", &mut output), Some(1));
        for other in [
            "AB", "A", "AA=", "AA==", "AA ", " AA", "A A", "AA\n", "A+", "A/", "AAÄ", "AAA=",
        ] {
            assert_eq!(decode(other, &mut output), None, "{other:?}");
        }
    }
}
