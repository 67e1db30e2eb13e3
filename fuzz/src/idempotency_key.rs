//! Idempotency keys: 1 to 255 visible ASCII characters, and no two of them share a digest.

use issuer::decide::IdempotencyKey;
use ring::digest::{Context, SHA256};

/// The target: a caller, a zero byte, and the text of a key.
pub fn idempotency_key(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(0);
    let (caller, text) = data.split_at(at);
    let Ok(text) = std::str::from_utf8(text.strip_prefix(&[0]).unwrap_or(text)) else {
        return;
    };
    let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7E).contains(&byte));
    match IdempotencyKey::new(caller, text) {
        Ok(key) => {
            assert!(fits, "{text:?}");
            assert_eq!(key.digest().as_bytes(), &digest(caller, text)[..]);
            // What moves from the caller to the key makes another key.
            if let Some((last, before)) = caller.split_last()
                && last.is_ascii_graphic()
                && let Ok(other) = IdempotencyKey::new(before, &format!("{}{text}", char::from(*last)))
            {
                assert_ne!(key, other);
            }
        }
        Err(error) => {
            assert!(!fits, "{text:?}");
            assert_eq!(error.field(), "Idempotency-Key");
        }
    }
}

/// Stored digests outlive a release: this is their form for good.
fn digest(caller: &[u8], text: &str) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for part in [b"idempotency key", caller, text.as_bytes()] {
        context.update(&u64::try_from(part.len()).expect("fits").to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}
