//! The settings file: taken only where every name is a setting with a value in its range, and never quoted.

use std::{fs, path::PathBuf, sync::OnceLock};

use tempfile::TempDir;

use crate::{
    failure::FailureKind,
    given::{Given, Purpose},
};

/// The target: any bytes as the file of `--config`.
pub fn settings_file(data: &[u8]) {
    let path = file();
    fs::write(path, data).expect("the file can be written");
    // Which uses every setting.
    let read = Given::default()
        .with_file(path, "--config")
        .and_then(|given| given.settings(Purpose::Serve));
    let table = std::str::from_utf8(data)
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok());
    match (read, table) {
        (Ok(_), Some(table)) => {
            for (name, value) in &table {
                assert!(may_be(name, value), "{name} = {value:?} was taken");
            }
        }
        (Ok(_), None) => panic!("taken, and it is no TOML"),
        (Err(failure), table) => {
            assert_eq!(failure.kind, FailureKind::Usage);
            let wrong = table
                .as_ref()
                .is_none_or(|table| table.iter().any(|(name, value)| !is_plain(name, value)));
            assert!(wrong, "{}", failure.message);
            // A key that is worth the name is in no message.
            let key = table.as_ref().and_then(|table| table.get("client_key")?.as_str());
            if let Some(key) = key.filter(|key| key.len() > 40) {
                assert!(!failure.message.contains(key));
            }
        }
    }
}

/// What a value may be at most.
fn may_be(name: &str, value: &toml::Value) -> bool {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Array(values) => {
            return ["cors_origins", "cors_headers"].contains(&name)
                && values.iter().all(toml::Value::is_str);
        }
        _ => return false,
    };
    match name {
        "data_dir" => !text.is_empty(),
        "listen" => text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()),
        "store" => ["sqlite:", "sqlite3:", "sled:", "memory:"]
            .iter()
            .any(|kind| text.to_ascii_lowercase().starts_with(kind) && !text.contains('?')),
        "idle_timeout" => seconds(&text).is_some_and(|seconds| (1..=86_400).contains(&seconds)),
        "file_permissions" => ["owner", "group", "any"].contains(&&*text),
        "lifetime" => seconds(&text).is_some_and(|seconds| (1..=3_653 * 86_400).contains(&seconds)),
        "refresh_window" => {
            text == "0" || seconds(&text).is_some_and(|seconds| u32::try_from(seconds).is_ok())
        }
        "max_live_tokens" => text.parse().is_ok_and(|number: u32| (1..=100).contains(&number)),
        "policy" => ["conflict_while_live", "upsert"].contains(&&*text),
        "issuer" | "audience" => (1..=1_024).contains(&text.len()) && !text.chars().any(char::is_control),
        "response_style" => ["flat", "envelope"].contains(&&*text),
        "client_key" => {
            (1..=512).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7E).contains(&byte))
        }
        _ => false,
    }
}

/// A setting that must be taken: its value is in its range, and in the form that everybody uses.
fn is_plain(name: &str, value: &toml::Value) -> bool {
    let plain = value.as_str().is_some_and(|text| {
        matches!(
            text,
            "7d" | "1s" | "3653d" | "0" | "upsert" | "flat" | "envelope" | "memory:"
        ) || name == "issuer" && text.len() < 99
    });
    plain && may_be(name, value)
}

fn seconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}

fn file() -> &'static PathBuf {
    static FILE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, file) = FILE.get_or_init(|| {
        let temporary = tempfile::tempdir().expect("a folder");
        let file = temporary.path().join("issuer.toml");
        (temporary, file)
    });
    file
}
