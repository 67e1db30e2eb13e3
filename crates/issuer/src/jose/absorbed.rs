//! The beginning that many tokens share, hashed once.

use std::sync::OnceLock;

use ring::hmac;

/// A MAC that has absorbed the first blocks of a text, and goes on from there with every text that begins so.
///
/// The first text that is signed says which blocks: its header and its issuer, as far as they fill blocks. A key that
/// signs for a second issuer signs its tokens as if this were not here.
pub(super) struct Absorbed(OnceLock<(Box<[u8]>, hmac::Context)>);

impl Absorbed {
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The tag of `text` under `key`, which is the same at every call. The first `shared_len` bytes are likely to come
    /// again.
    pub(super) fn sign(&self, key: &hmac::Key, text: &[u8], shared_len: usize) -> hmac::Tag {
        let block_len = key.algorithm().digest_algorithm().block_len();
        if shared_len >= block_len {
            let (beginning, context) = self.0.get_or_init(|| {
                let beginning = text.get(..shared_len / block_len * block_len).unwrap_or_default();
                let mut context = hmac::Context::with_key(key);
                context.update(beginning);
                (beginning.into(), context)
            });
            if let Some(rest) = text.strip_prefix(&**beginning) {
                let mut context = context.clone();
                context.update(rest);
                return context.sign();
            }
        }
        hmac::sign(key, text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tag_is_the_same_whatever_was_signed_before(
            texts in proptest::collection::vec("[ab]{0,3}x{0,300}[ab]{0,3}", 1..6),
            shared_len in 0..400_usize,
            long: bool,
        ) {
            let algorithm = if long { hmac::HMAC_SHA512 } else { hmac::HMAC_SHA256 };
            let key = hmac::Key::new(algorithm, &[7; 64]);
            let absorbed = Absorbed::new();
            for text in texts {
                let tag = absorbed.sign(&key, text.as_bytes(), shared_len.min(text.len()));
                let plain = hmac::sign(&key, text.as_bytes());
                prop_assert_eq!(tag.as_ref(), plain.as_ref());
            }
        }
    }

    #[test]
    fn whole_blocks_of_the_first_text_are_absorbed_and_no_others() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let absorbed = Absorbed::new();
        let beginning = |absorbed: &Absorbed| absorbed.0.get().map(|(beginning, _)| beginning.len());
        absorbed.sign(&key, &[b'x'; 300], 63);
        assert_eq!(beginning(&absorbed), None);
        absorbed.sign(&key, &[b'x'; 300], 191);
        assert_eq!(beginning(&absorbed), Some(128));
        absorbed.sign(&key, &[b'y'; 300], 300);
        assert_eq!(beginning(&absorbed), Some(128));
    }
}
