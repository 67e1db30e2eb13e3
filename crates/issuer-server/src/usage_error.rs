//! Errors about the command line, without the text of any argument: whatever stands in the wrong place may be a token or a key.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The message in place of that of clap; `None` where clap names nothing but what is declared.
pub(crate) fn without_values(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let what = match error.kind() {
        ErrorKind::UnknownArgument => {
            format!(
                "{} is not known here",
                place(error, ContextKind::InvalidArg, arguments)
            )
        }
        ErrorKind::InvalidSubcommand => format!(
            "{} is no command",
            place(error, ContextKind::InvalidSubcommand, arguments)
        ),
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion
        | ErrorKind::ArgumentConflict
        | ErrorKind::InvalidUtf8 => return None,
        // Of these the argument is a declared one, and the value is not repeated.
        _ => match text(error, ContextKind::InvalidArg) {
            Some(argument) => format!("{argument} does not take this value"),
            None => "the arguments are not understood".to_owned(),
        },
    };
    let similar = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
        .into_iter()
        .find_map(|kind| text(error, kind))
        .map(|declared| format!("\n\n  tip: did you mean {declared}?"));
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => format!("\n\n{usage}"),
        _ => String::new(),
    };
    Some(format!(
        "error: {what}{}{usage}\n\nFor more information, try '--help'.\n",
        similar.unwrap_or_default()
    ))
}

/// The number of the argument that clap names by its text.
fn place(error: &clap::Error, kind: ContextKind, arguments: &[OsString]) -> String {
    // The last one that is it: what is too much comes after what is enough.
    let last = |is: &dyn Fn(&str) -> bool| {
        arguments
            .iter()
            .rposition(|argument| is(&argument.to_string_lossy()))
    };
    let found = text(error, kind).and_then(|text| {
        last(&|argument| argument.split('=').next() == Some(&text) || argument == text)
            // Of `-xyz` clap names `-x`.
            .or_else(|| last(&|argument| argument.starts_with(&text)))
    });
    found.map_or_else(
        || "an argument".to_owned(),
        |index| format!("argument {}", index + 1),
    )
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}
