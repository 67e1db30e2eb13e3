//! Exports that miss rows, or show them twice.

use issuer_store::{Cursor, Export, ExportRow, MemoryStore, Store, StoreError, StoreErrorKind};

use super::{BrokenStore, Fault, broken};

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "skips a row between two pages",
        rejected_by: &[
            "an_export_shows_every_row_once_whatever_the_limit",
            "an_export_makes_a_copy",
        ],
        make: broken::<SkipsARow>,
    },
    BrokenStore {
        name: "counts rows for a cursor",
        rejected_by: &[
            "a_row_that_is_there_all_the_while_is_exported_once_though_others_come_and_go",
            "an_export_goes_on_after_its_last_row_was_erased",
        ],
        make: broken::<CursorIsAnOffset>,
    },
    BrokenStore {
        name: "exports a token where it is alive and where it is not",
        rejected_by: &["a_row_that_changes_meanwhile_is_exported_once"],
        make: broken::<LiveTokensFirst>,
    },
    BrokenStore {
        name: "exports no revoked token",
        rejected_by: &[
            "an_export_shows_every_row_as_it_went_in",
            "a_revoked_token_is_exported_as_it_went_in",
        ],
        make: broken::<NoRevoked>,
    },
    BrokenStore {
        name: "exports tokens before their user",
        rejected_by: &["a_user_is_exported_before_its_rows"],
        make: broken::<UsersLast>,
    },
    BrokenStore {
        name: "exports more rows than it was asked for",
        rejected_by: &["an_export_shows_every_row_once_whatever_the_limit"],
        make: broken::<OneMore>,
    },
    BrokenStore {
        name: "begins anew at a cursor that it does not know",
        rejected_by: &["a_foreign_cursor_is_an_error_and_no_panic"],
        make: broken::<AnyCursor>,
    },
    BrokenStore {
        name: "panics at a cursor that it does not know",
        rejected_by: &[
            "a_foreign_cursor_is_an_error_and_no_panic",
            "a_cursor_that_was_tampered_with_is_no_panic",
        ],
        make: broken::<PanickingCursor>,
    },
    BrokenStore {
        name: "calls a cursor that it does not know damage",
        rejected_by: &["a_foreign_cursor_is_an_error_and_no_panic"],
        make: broken::<WrongKind>,
    },
];

type Page = Result<Export, StoreError>;

/// A page of `rows`, with cursors that count.
fn counted(rows: &[ExportRow], after: Option<&Cursor>, limit: usize) -> Page {
    let from = match after {
        None => 0,
        Some(cursor) => match cursor.as_bytes().try_into().map(u64::from_be_bytes) {
            Ok(from) if from <= rows.len() as u64 => usize::try_from(from).expect("a length"),
            _ => return Err(StoreError::new(StoreErrorKind::Invalid, "no such cursor")),
        },
    };
    let to = from.saturating_add(limit).min(rows.len());
    Ok(Export {
        rows: rows[from..to].to_vec(),
        next: (to < rows.len()).then(|| Cursor::new((to as u64).to_be_bytes().to_vec())),
    })
}

fn all(good: &MemoryStore) -> Result<Vec<ExportRow>, StoreError> {
    Ok(good.export(None, usize::MAX)?.rows)
}

#[derive(Default)]
struct SkipsARow;

impl Fault for SkipsARow {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        let mut page = good.export(after, limit.saturating_add(1))?;
        if page.rows.len() > limit {
            page.rows.pop();
        }
        Ok(page)
    }
}

#[derive(Default)]
struct CursorIsAnOffset;

impl Fault for CursorIsAnOffset {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        counted(&all(good)?, after, limit)
    }
}

#[derive(Default)]
struct LiveTokensFirst;

impl Fault for LiveTokensFirst {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        let mut rows = all(good)?;
        rows.sort_by_key(|row| match row {
            ExportRow::User(_) => 0,
            ExportRow::Token(_, token) if token.revoked_at.is_none() => 1,
            ExportRow::Replay(..) | ExportRow::Tombstone(_) => 2,
            ExportRow::Token(..) => 3,
        });
        counted(&rows, after, limit)
    }
}

#[derive(Default)]
struct NoRevoked;

impl Fault for NoRevoked {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        let mut page = good.export(after, limit)?;
        page.rows
            .retain(|row| !matches!(row, ExportRow::Token(_, token) if token.revoked_at.is_some()));
        Ok(page)
    }
}

#[derive(Default)]
struct UsersLast;

impl Fault for UsersLast {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        let mut rows = all(good)?;
        rows.sort_by_key(|row| matches!(row, ExportRow::User(_)));
        counted(&rows, after, limit)
    }
}

#[derive(Default)]
struct OneMore;

impl Fault for OneMore {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        good.export(after, limit.saturating_add(1))
    }
}

#[derive(Default)]
struct AnyCursor;

impl Fault for AnyCursor {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        good.export(after, limit).or_else(|_| good.export(None, limit))
    }
}

#[derive(Default)]
struct PanickingCursor;

impl Fault for PanickingCursor {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        let page = good.export(after, limit);
        assert!(page.is_ok(), "this store trusts its cursors");
        page
    }
}

#[derive(Default)]
struct WrongKind;

impl Fault for WrongKind {
    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Page {
        good.export(after, limit)
            .map_err(|error| StoreError::new(StoreErrorKind::Damaged, error.to_string()))
    }
}
