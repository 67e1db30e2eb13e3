//! base64url of a few bytes whose number is known when this is compiled: token ids and tags.
//!
//! Half of what the engine takes for so few, and no table is looked up by what may be secret.

use super::encoded_len;

/// Eight characters stand for six bytes.
const CHARS_OF_GROUP: usize = 8;
const BYTES_OF_GROUP: usize = 6;

/// The one text of these bytes. `GROUPS` of eight characters must hold it.
#[allow(clippy::expect_used, reason = "what is not compiled cannot be met")]
pub(crate) fn encode<const BYTES: usize, const CHARS: usize, const GROUPS: usize>(
    bytes: &[u8; BYTES],
) -> [u8; CHARS] {
    const {
        assert!(CHARS == encoded_len(BYTES) && CHARS.div_ceil(CHARS_OF_GROUP) == GROUPS);
    }
    let mut groups = [[0; CHARS_OF_GROUP]; GROUPS];
    for (index, group) in groups.iter_mut().enumerate() {
        *group = spread(window(bytes, index * BYTES_OF_GROUP) >> 16).to_be_bytes();
    }
    for place in groups.as_flattened_mut() {
        *place = character(*place);
    }
    let text = groups.as_flattened().first_chunk();
    *text.expect("the assertion above: the groups hold at least as many")
}

/// The bytes of this text; `None` where it is not the one text of any.
pub(crate) fn decode<const CHARS: usize, const BYTES: usize, const GROUPS: usize>(
    text: &[u8; CHARS],
) -> Option<[u8; BYTES]> {
    const {
        assert!(CHARS == encoded_len(BYTES) && CHARS.div_ceil(CHARS_OF_GROUP) == GROUPS);
    }
    // `A` stands for six zero bits.
    let mut groups = [[b'A'; CHARS_OF_GROUP]; GROUPS];
    if let Some(room) = groups.as_flattened_mut().first_chunk_mut() {
        *room = *text;
    }
    let mut seen = 0;
    for place in groups.as_flattened_mut() {
        *place = index(*place);
        seen |= *place;
    }
    let mut all = [[0; BYTES_OF_GROUP]; GROUPS];
    for (to, group) in all.iter_mut().zip(&groups) {
        let [_, _, bytes @ ..] = gather(u64::from_be_bytes(*group)).to_be_bytes();
        *to = bytes;
    }
    // The bits that a text has more than its bytes are zero bits (RFC 4648 section 3.5).
    let (bytes, rest) = all.as_flattened().split_first_chunk()?;
    (seen != FOREIGN && rest.iter().all(|byte| *byte == 0)).then_some(*bytes)
}

/// Eight bytes from `start` on, the first one highest; zeros where the bytes end.
fn window<const BYTES: usize>(bytes: &[u8; BYTES], start: usize) -> u64 {
    let rest = bytes.get(start..).unwrap_or_default();
    let mut window = [0; 8];
    match rest.first_chunk() {
        Some(whole) => window = *whole,
        None => window.iter_mut().zip(rest).for_each(|(to, from)| *to = *from),
    }
    u64::from_be_bytes(window)
}

/// 48 bits to six bits in each byte: halved, halved again, and again.
const fn spread(bits: u64) -> u64 {
    let bits = (bits & 0x0000_0000_00FF_FFFF) | ((bits & 0x0000_FFFF_FF00_0000) << 8);
    let bits = (bits & 0x0000_0FFF_0000_0FFF) | ((bits & 0x00FF_F000_00FF_F000) << 4);
    (bits & 0x003F_003F_003F_003F) | ((bits & 0x0FC0_0FC0_0FC0_0FC0) << 2)
}

/// And back.
const fn gather(bits: u64) -> u64 {
    let bits = (bits & 0x003F_003F_003F_003F) | ((bits & 0x3F00_3F00_3F00_3F00) >> 2);
    let bits = (bits & 0x0000_0FFF_0000_0FFF) | ((bits & 0x0FFF_0000_0FFF_0000) >> 4);
    (bits & 0x0000_0000_00FF_FFFF) | ((bits & 0x00FF_FFFF_0000_0000) >> 8)
}

/// The character of six bits (RFC 4648 table 2), by steps that the compiler does for sixteen at a time.
const fn character(index: u8) -> u8 {
    let mut character = index.wrapping_add(b'A');
    if index > 25 {
        character = character.wrapping_add(b'a' - b'Z' - 1);
    }
    if index > 51 {
        character = character.wrapping_sub(b'z' - b'0' + 1);
    }
    if index > 61 {
        character = character.wrapping_sub(b'9' + 1 - b'-');
    }
    if index > 62 {
        character = character.wrapping_add(b'_' - b'-' - 1);
    }
    character
}

/// All bits: once seen, it stays.
const FOREIGN: u8 = 0xFF;

/// The six bits of a character, or [`FOREIGN`].
const fn index(character: u8) -> u8 {
    let mut index = FOREIGN;
    if character.wrapping_sub(b'A') < 26 {
        index = character.wrapping_sub(b'A');
    }
    if character.wrapping_sub(b'a') < 26 {
        index = character.wrapping_sub(b'a' - 26);
    }
    if character.wrapping_sub(b'0') < 10 {
        index = character.wrapping_add(52 - b'0');
    }
    if character == b'-' {
        index = 62;
    }
    if character == b'_' {
        index = 63;
    }
    index
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_and_no_other_has_an_index() {
        let alphabet = base64::alphabet::URL_SAFE.as_str().as_bytes();
        for byte in 0..=u8::MAX {
            let place = alphabet.iter().position(|character| *character == byte);
            assert_eq!(
                index(byte),
                place.map_or(FOREIGN, |place| u8::try_from(place).unwrap())
            );
        }
        for (place, byte) in alphabet.iter().enumerate() {
            assert_eq!(character(u8::try_from(place).unwrap()), *byte);
        }
    }

    /// The same value and the same refusals as the engine's, for a text and for the texts beside it.
    fn agrees<const CHARS: usize, const BYTES: usize, const GROUPS: usize>(text: &[u8; CHARS]) {
        let engine = URL_SAFE_NO_PAD.decode(text).ok();
        assert_eq!(
            decode::<CHARS, BYTES, GROUPS>(text).map(Vec::from),
            engine,
            "{text:?}"
        );
    }

    #[test]
    fn a_tag_has_one_text() {
        // Every last character, most of which set bits that stand for nothing, and every byte in every place.
        let text = *b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        for place in 0..text.len() {
            for byte in 0..=u8::MAX {
                let mut text = text;
                text[place] = byte;
                agrees::<43, 32, 6>(&text);
            }
        }
    }

    proptest! {
        #[test]
        fn an_id_and_a_tag_have_the_text_that_the_engine_gives_them(id: [u8; 16], tag: [u8; 32]) {
            prop_assert_eq!(Vec::from(encode::<16, 22, 3>(&id)), URL_SAFE_NO_PAD.encode(id).into_bytes());
            prop_assert_eq!(Vec::from(encode::<32, 43, 6>(&tag)), URL_SAFE_NO_PAD.encode(tag).into_bytes());
            prop_assert_eq!(decode::<22, 16, 3>(&encode::<16, 22, 3>(&id)), Some(id));
            prop_assert_eq!(decode::<43, 32, 6>(&encode::<32, 43, 6>(&tag)), Some(tag));
        }

        #[test]
        fn a_text_is_read_and_refused_as_the_engine_does_it(
            id: [u8; 16],
            tag: [u8; 32],
            place: prop::sample::Index,
            byte: u8,
        ) {
            let mut text = encode::<16, 22, 3>(&id);
            text[place.index(22)] = byte;
            agrees::<22, 16, 3>(&text);
            let mut text = encode::<32, 43, 6>(&tag);
            text[place.index(43)] = byte;
            agrees::<43, 32, 6>(&text);
        }
    }
}
