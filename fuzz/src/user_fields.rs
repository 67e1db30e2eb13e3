//! The fields of a user: taken exactly when the contract's table takes them, and kept as they are.

use issuer::user::{AvatarUrl, Nickname, Patch, UserId};
use url::{Host, Url};

/// The target: any text as an id, a nickname and an avatar's URL.
pub fn user_fields(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };

    let id = UserId::parse(text);
    assert_eq!(id.is_ok(), is_user_id(text), "{text:?}");
    if let Ok(id) = id {
        assert_eq!((id.as_str(), &*id.to_string()), (text, text));
    }

    let nickname = Nickname::parse(text);
    assert_eq!(nickname.is_ok(), is_nickname(text), "{text:?}");
    if let Ok(nickname) = nickname {
        assert_eq!((nickname.as_str(), &*nickname.to_string()), (text, text));
    }
    assert_eq!(Nickname::patch(text) == Ok(Patch::Clear), text.is_empty());

    match AvatarUrl::parse(text) {
        Ok(url) => {
            assert_eq!((url.as_str(), &*url.to_string()), (text, text));
            judge_accepted(text);
        }
        Err(error) => assert!(!is_plain_url(text), "{text:?}: {error}"),
    }
    assert_eq!(AvatarUrl::patch(text) == Ok(Patch::Clear), text.is_empty());
}

pub(crate) fn is_user_id(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(is_white_space);
    (1..=255).contains(&text.len())
        && !text.chars().any(is_control)
        && !edge(text.chars().next())
        && !edge(text.chars().next_back())
        && text != "."
        && text != ".."
}

pub(crate) fn is_nickname(text: &str) -> bool {
    (1..=256).contains(&text.chars().count()) && !text.chars().any(is_control)
}

/// C0, DEL, C1.
fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}')
}

/// The property `White_Space` of Unicode, as its table `PropList.txt` has it.
fn is_white_space(c: char) -> bool {
    matches!(
        c,
        '\u{9}'..='\u{D}'
            | ' '
            | '\u{85}'
            | '\u{A0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200A}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202F}'
            | '\u{205F}'
            | '\u{3000}'
    )
}

/// What browsers make of an accepted URL: nothing but the one host that it shows.
fn judge_accepted(text: &str) {
    assert!(text.len() <= 2_048);
    assert!(
        !text.chars().any(|c| is_control(c) || is_white_space(c)),
        "{text:?}"
    );
    // Browsers refuse some hosts that RFC 3986 allows.
    let Ok(url) = Url::parse(text) else { return };
    assert!(matches!(url.scheme(), "http" | "https"), "{text:?}");
    assert_eq!((url.username(), url.password()), ("", None), "{text:?}");
    let authority = authority(text).expect("accepted without an authority");
    match url.host().expect("accepted without a host") {
        Host::Domain(domain) if authority.is_ascii() && !authority.contains('%') => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            assert_eq!(domain, host.to_ascii_lowercase(), "{text:?}");
            let default = if url.scheme() == "http" { 80 } else { 443 };
            assert_eq!(
                url.port().unwrap_or(default),
                port.parse().unwrap_or(default),
                "{text:?}"
            );
        }
        Host::Ipv6(address) => {
            let shown = authority.trim_start_matches('[').split(']').next();
            assert_eq!(
                shown.and_then(|shown| shown.parse().ok()),
                Some(address),
                "{text:?}"
            );
        }
        // Numbers that stand for an IPv4 address in browsers, and names beyond ASCII, are not normalised here.
        _ => {}
    }
}

/// URLs that nobody may refuse.
pub(crate) fn is_plain_url(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let (host, port) = match authority(text) {
        Some(authority) => authority.split_once(':').unwrap_or((authority, "80")),
        None => return false,
    };
    text.len() <= 2_048
        && (text.starts_with("http://") || text.starts_with("https://"))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !host.is_empty()
        && host.bytes().all(plain)
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok()
}

/// What lies between `//` and the path, the query or the fragment (RFC 3986 section 3.2).
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}
