//! What must be there.

use issuer::Digest;

use crate::{
    codec::{ENCODING, Reader},
    error::{Fault, Result},
    row::User,
    table::Table,
};

/// How much there is, and what all of it adds up to.
///
/// sled finds a page that was changed on the disk, but not one that is missing, nor an older one in the place of
/// the newest. The sum over all other rows does: of each, the SHA-256 of table, key and value, taken as four numbers
/// of 64 bits, which are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Slices of commits that were written, one after the other.
    pub(crate) slice: u64,
    /// Users who have a record.
    pub(crate) users: u64,
    /// Rows, in all tables.
    pub(crate) rows: u64,
    pub(crate) sum: [u64; 4],
}

impl State {
    pub(crate) fn add(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.users = self.users.wrapping_add(is_user(table, value));
        for (lane, part) in self.sum.iter_mut().zip(lanes(table, key, value)) {
            *lane = lane.wrapping_add(part);
        }
    }

    pub(crate) fn subtract(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.users = self.users.wrapping_sub(is_user(table, value));
        for (lane, part) in self.sum.iter_mut().zip(lanes(table, key, value)) {
            *lane = lane.wrapping_sub(part);
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![ENCODING];
        for number in [self.slice, self.users, self.rows].iter().chain(&self.sum) {
            out.extend(number.to_be_bytes());
        }
        out
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self> {
        Reader(value)
            .encoding()
            .and_then(|mut reader| {
                let state = Self {
                    slice: reader.number()?,
                    users: reader.number()?,
                    rows: reader.number()?,
                    sum: [
                        reader.number()?,
                        reader.number()?,
                        reader.number()?,
                        reader.number()?,
                    ],
                };
                reader.0.is_empty().then_some(state)
            })
            .ok_or_else(|| Fault::row("its own tree"))
    }
}

fn is_user(table: Table, value: &[u8]) -> u64 {
    u64::from(table == Table::Users && User::has_record(value))
}

fn lanes(table: Table, key: &[u8], value: &[u8]) -> [u64; 4] {
    let digest = Digest::of_parts(&[table.name().as_bytes(), key, value]);
    let mut lanes = [0; 4];
    for (lane, bytes) in lanes.iter_mut().zip(digest.as_bytes().as_chunks().0) {
        *lane = u64::from_be_bytes(*bytes);
    }
    lanes
}
