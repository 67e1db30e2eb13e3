//! Traces for tests, whose strings are written as they are.

use std::{fmt::Write, path::Path};

use crate::{steps::Recording, trace::parse};

/// What a process did below `/r`.
pub(crate) fn recorded(text: &str) -> Result<Recording, String> {
    let mut escaped = String::new();
    let mut inside = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => inside = !inside,
            '<' if characters.peek() == Some(&'/') => inside = true,
            '>' => inside = false,
            _ if inside => {
                let byte = u32::from(character);
                write!(escaped, "\\x{byte:02x}").map_err(|error| error.to_string())?;
                continue;
            }
            _ => {}
        }
        escaped.push(character);
    }
    let mut recording = Recording::new(Path::new("/r"));
    recording.add(&parse(escaped.as_bytes())?)?;
    Ok(recording)
}
