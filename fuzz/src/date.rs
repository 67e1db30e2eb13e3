//! Dates: read exactly when RFC 3339 and the stricter rules of the contract read them, and written back as they were.

use issuer::Timestamp;

/// The target: any text as a date, and its first bytes as seconds.
pub fn date(data: &[u8]) {
    if let Some(seconds) = data.first_chunk().map(|bytes| i64::from_be_bytes(*bytes)) {
        // Most numbers are out of range: those near it are tried, too.
        for seconds in [seconds, seconds % 300_000_000_000] {
            if let Some(moment) = Timestamp::from_unix(seconds) {
                assert_eq!(read(&moment.to_string()), Some(seconds));
                assert_eq!(Timestamp::parse_rfc3339(&moment.to_string()), Ok(moment));
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let ours = Timestamp::parse_rfc3339(text).ok();
    assert_eq!(ours.map(Timestamp::as_unix), read(text), "{text:?}");
}

/// RFC 3339 section 5.6 with `T` or `t`, without leap seconds, fractions cut off.
fn read(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits.iter().all(u8::is_ascii_digit).then_some(())?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let is = |at: usize, allowed: &[u8]| bytes.get(at).is_some_and(|byte| allowed.contains(byte));
    (is(4, b"-") && is(7, b"-") && is(10, b"Tt") && is(13, b":") && is(16, b":")).then_some(())?;
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let mut at = 19;
    if is(at, b".") {
        at += 1;
        let digits = bytes
            .get(at..)?
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        (digits > 0).then_some(())?;
        at += digits;
    }
    let offset = if is(at, b"Zz") {
        at += 1;
        0
    } else {
        (is(at, b"+-") && is(at + 3, b":")).then_some(())?;
        let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
        (hours <= 23 && minutes <= 59).then_some(())?;
        let seconds = hours * 3_600 + minutes * 60;
        let east = is(at, b"+");
        at += 6;
        if east { seconds } else { -seconds }
    };
    let days = days(year, month)?;
    let fits = at == bytes.len() && (1..=days).contains(&day) && hour <= 23 && minute <= 59 && second <= 59;
    let moment = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    (fits && (-62_167_219_200..=253_402_300_799).contains(&moment)).then_some(moment)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if is_leap(year) { 29 } else { 28 }),
        _ => None,
    }
}

/// Day by day of the calendar: slow, and beyond doubt.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year_days = |year| if is_leap(year) { 366 } else { 365 };
    let years: i64 = if year >= 1970 {
        (1970..year).map(year_days).sum()
    } else {
        -(year..1970).map(year_days).sum::<i64>()
    };
    years + (1..month).filter_map(|month| days(year, month)).sum::<i64>() + day - 1
}
