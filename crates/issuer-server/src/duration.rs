//! Durations as settings write them: `30s`, `15m`, `12h`, `7d`.

use std::{str::FromStr, time::Duration};

use issuer::Lifetime;

/// How long a token lives, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LifetimeSetting(pub(crate) Lifetime);

/// A window in seconds, `0` included, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowSetting(pub(crate) u32);

impl FromStr for LifetimeSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lifetime =
            Lifetime::from_seconds(seconds(text)?).map_err(|_| "must be 1s to 3653d".to_owned())?;
        Ok(Self(lifetime))
    }
}

impl FromStr for WindowSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = if text == "0" { 0 } else { seconds(text)? };
        u32::try_from(seconds)
            .map(Self)
            .map_err(|_| "is too long".to_owned())
    }
}

/// How long a connection may be idle.
pub(crate) fn idle_timeout(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text)?;
    match u64::try_from(seconds) {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("must be 1s to 1d".to_owned()),
    }
}

fn seconds(text: &str) -> Result<i64, String> {
    let form = || "must be a number with s, m, h or d, such as 7d".to_owned();
    let unit = match text.bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => return Err(form()),
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(form());
    }
    digits
        .parse::<i64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds("12h"), Ok(43_200));
        assert_eq!(seconds("7d"), Ok(604_800));
        for bad in [
            "",
            "7",
            "d",
            "-1d",
            "1.5d",
            "7 d",
            "7D",
            "7w",
            "99999999999999999999d",
            "9223372036854775807d",
        ] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_lifetime_is_one_second_to_ten_years_and_a_window_may_be_nothing() {
        assert!("0s".parse::<LifetimeSetting>().is_err());
        assert!("3654d".parse::<LifetimeSetting>().is_err());
        assert_eq!("0".parse::<WindowSetting>(), Ok(WindowSetting(0)));
    }
}
