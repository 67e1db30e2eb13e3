//! Where a JSON string stops being plain text (RFC 8259 section 7).

/// How many bytes at the start of a text stand for themselves in a JSON string: up to the first quotation mark,
/// backslash or control character.
pub(super) fn plain_len(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let special = special_in(u64::from_le_bytes(*word));
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    text.len() - rest.len() + rest.iter().position(special).unwrap_or(rest.len())
}

/// The high bit of the lowest byte that is special; what is set above it says nothing, for borrows run upwards.
const fn special_in(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES * limit as u64) & !word
    }
    let special =
        below(word, b' ') | below(word ^ (ONES * b'"' as u64), 1) | below(word ^ (ONES * b'\\' as u64), 1);
    special & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn byte_by_byte(text: &[u8]) -> usize {
        let special = |byte: &u8| *byte < 0x20 || [b'"', b'\\'].contains(byte);
        text.iter().position(special).unwrap_or(text.len())
    }

    #[test]
    fn every_byte_in_every_place_is_judged_by_itself() {
        for len in 1..20 {
            for place in 0..len {
                for byte in 0..=u8::MAX {
                    for beside in [b'a', b'!', 0x7F, 0xFF] {
                        let mut text = vec![beside; len];
                        text[place] = byte;
                        assert_eq!(plain_len(&text), byte_by_byte(&text), "{text:?}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_of_many_is_found(text in proptest::collection::vec(prop_oneof![Just(b'"'), 0x1E..0x24_u8, b'Z'..b'_', any::<u8>()], 0..40)) {
            prop_assert_eq!(plain_len(&text), byte_by_byte(&text));
        }
    }
}
