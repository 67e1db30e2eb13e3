//! base64url without padding (RFC 7515 section 2), where one value has one text.

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
pub(super) const fn encoded_len(bytes: usize) -> usize {
    bytes / 3 * 4 + (bytes % 3 * 4).div_ceil(3)
}

/// Bytes that this many characters hold, if they are base64url at all.
pub(super) const fn decoded_len(characters: usize) -> usize {
    characters / 4 * 3 + characters % 4 * 3 / 4
}

/// Writes the text of `bytes` behind what `output` holds.
///
/// The one step that is not left to the base64 crate, which writes character by character what is as short as a
/// token: this takes half as long, a tenth of what signing costs. The tests hold it to that crate's output.
pub(super) fn append(bytes: &[u8], output: &mut Vec<u8>) {
    let start = output.len();
    output.resize(start + encoded_len(bytes.len()), 0);
    let (triples, rest) = bytes.as_chunks::<3>();
    let (quads, tail) = output.get_mut(start..).unwrap_or_default().as_chunks_mut::<4>();
    for ([first, second, third], quad) in triples.iter().zip(quads) {
        let high = pair(*first, *second >> 4);
        let low = pair(*second << 4 | *third >> 4, *third);
        *quad = (u32::from(low) << 16 | u32::from(high)).to_le_bytes();
    }
    match (rest, tail) {
        ([last], room @ [_, _]) => room.copy_from_slice(&pair(*last, 0).to_le_bytes()),
        ([first, last], [room @ .., end]) => {
            room.copy_from_slice(&pair(*first, *last >> 4).to_le_bytes());
            [*end, _] = pair(*last << 4, 0).to_le_bytes();
        }
        _ => {}
    }
}

/// The characters of 12 bits: the eight of `high`, then the lower four of `low`. The first character is the low byte.
fn pair(high: u8, low: u8) -> u16 {
    let index = usize::from(high) << 4 | usize::from(low & 0xF);
    PAIRS.get(index).copied().unwrap_or_default()
}

/// The two characters of every 12 bits.
#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, which refuses an index out of bounds"
)]
static PAIRS: [u16; 4096] = {
    let alphabet = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut pairs = [0; 4096];
    let mut index = 0;
    while index < pairs.len() {
        pairs[index] = u16::from_le_bytes([alphabet[index >> 6], alphabet[index & 0x3F]]);
        index += 1;
    }
    pairs
};

/// Writes the bytes of `text` to the start of `output`, which must hold [`decoded_len`] of them, and counts them.
/// `None` where the text is not the one text of any value.
pub(super) fn decode(text: &str, output: &mut [u8]) -> Option<usize> {
    ENGINE.decode_slice(text, output).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_is_that_of_the_base64_crate(bytes: Vec<u8>, before in "[a-z]{0,9}") {
            let mut text = before.clone().into_bytes();
            append(&bytes, &mut text);
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
