//! Bytes that stay off the heap while they are few.

use crate::base64url;

/// Up to `N` bytes in place, more than that on the heap.
#[derive(Clone)]
pub(super) struct Buffer<const N: usize> {
    inline: [u8; N],
    inline_len: usize,
    /// Holds everything as soon as it holds anything.
    heap: Vec<u8>,
}

impl<const N: usize> Buffer<N> {
    pub(super) const fn new() -> Self {
        Self {
            inline: [0; N],
            inline_len: 0,
            heap: Vec::new(),
        }
    }

    /// Holds what a base64url text stands for; `None` where the text is not the one text of any value.
    ///
    /// It fills what the caller has, because to return half a kilobyte costs as much as to decode it.
    pub(super) fn decode(&mut self, text: &str) -> Option<&[u8]> {
        let len = base64url::decoded_len(text.len());
        if let Some(room) = self.inline.get_mut(..len) {
            self.heap.clear();
            self.inline_len = base64url::decode(text, room)?;
        } else {
            self.heap.resize(len, 0);
            base64url::decode(text, &mut self.heap)?;
        }
        Some(self.as_bytes())
    }

    /// The bytes that are kept off the heap.
    #[inline]
    #[allow(
        clippy::expect_used,
        reason = "`inline_len` is set to what was written into the array, and nowhere else"
    )]
    fn kept_inline(&self, len: usize) -> &[u8] {
        self.inline
            .get(..len)
            .expect("no more was written than the array holds")
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.heap.is_empty() {
            let end = self.inline_len + bytes.len();
            if let Some(room) = self.inline.get_mut(self.inline_len..end) {
                room.copy_from_slice(bytes);
                self.inline_len = end;
                return;
            }
            self.move_to_the_heap(end);
        }
        self.heap.extend_from_slice(bytes);
    }

    /// Apart from `push`, which is small enough to be inlined without it.
    #[cold]
    #[allow(clippy::expect_used, reason = "as above")]
    fn move_to_the_heap(&mut self, end: usize) {
        self.heap.reserve(2 * end);
        let kept = self.inline.get(..self.inline_len);
        self.heap
            .extend_from_slice(kept.expect("no more was written than the array holds"));
    }

    /// The bytes, and where they are few, zeros up to `least`. Only for what was pushed: what was decoded leaves no zeros.
    pub(super) fn padded(&self, least: usize) -> &[u8] {
        if self.heap.is_empty() {
            self.kept_inline(self.inline_len.max(least))
        } else {
            &self.heap
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        if self.heap.is_empty() {
            self.kept_inline(self.inline_len)
        } else {
            &self.heap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_where_the_heap_takes_over() {
        for step in 1..7 {
            let all: Vec<u8> = (0..64).collect();
            let mut buffer = Buffer::<16>::new();
            for (index, part) in all.chunks(step).enumerate() {
                assert_eq!(buffer.as_bytes(), &all[..index * step]);
                buffer.push(part);
            }
            assert_eq!(buffer.as_bytes(), &all[..]);
        }
    }

    #[test]
    fn what_just_fits_stays_in_place() {
        let mut buffer = Buffer::<16>::new();
        buffer.push(&[7; 16]);
        assert!(buffer.heap.is_empty());
        assert_eq!(buffer.as_bytes(), [7; 16]);
    }
}
