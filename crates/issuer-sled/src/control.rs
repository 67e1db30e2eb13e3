//! The control record.

use issuer::state::{Control, ControlError, Expect, Versioned};
use issuer_store::{Outcome, StoreErrorKind};

use crate::{
    error::{Fault, Result},
    row::{decode_control, encode_control},
    staged::Staged,
    table::{CONTROL, Table},
    view::{Rows, View},
};

pub(crate) fn read(view: &View<'_>) -> Result<Option<Versioned<Control>>> {
    let Some(value) = view.get(Table::Own, CONTROL)? else {
        return Ok(None);
    };
    let (version, text) = decode_control(&value)?;
    Ok(Some(Versioned {
        version,
        value: Control::from_json(text).map_err(unreadable)?,
    }))
}

/// Stages the record in the place of the one that is there, if that is as expected.
pub(crate) fn replace(staged: &mut Staged<'_>, expect: Expect, next: &Versioned<Control>) -> Result<Outcome> {
    // Only the version: a record that cannot be read can still be replaced.
    let found = staged.get(Table::Own, CONTROL)?;
    let version = found
        .map(|value| decode_control(&value).map(|(version, _)| version))
        .transpose()?;
    if !expect.accepts(version) {
        return Ok(Outcome::Conflict);
    }
    let text = next.value.to_json().map_err(unreadable)?;
    staged.put(Table::Own, CONTROL, encode_control(next.version, &text))?;
    Ok(Outcome::Applied)
}

fn unreadable(error: ControlError) -> Fault {
    match error {
        ControlError::Newer => Fault::refused(
            StoreErrorKind::Newer,
            "holds a control record of a newer version; run that version, or later",
        ),
        _ => Fault::row("control"),
    }
}
