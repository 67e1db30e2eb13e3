//! Where a user's picture is.

use std::{fmt, net::Ipv6Addr};

use super::Patch;
use crate::FieldError;

/// An absolute `http` or `https` URL with a host and without user info, at most 2,048 bytes, kept verbatim.
///
/// No spaces and no control characters anywhere. The host is a name, an IPv4 address or a bracketed IPv6
/// address (RFC 3986 section 3.2.2) without percent-encoding; beyond ASCII it may hold letters and digits, and nothing that
/// looks like a delimiter. The port is 0 to 65,535.
/// Nobody fetches it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarUrl(Box<str>);

impl AvatarUrl {
    /// Bytes of the longest URL.
    pub const MAX_BYTES: usize = 2_048;

    /// # Errors
    /// [`FieldError`] for `avatarUrl`, naming the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        match broken_rule(text) {
            Some(rule) => Err(FieldError::new("avatarUrl", rule)),
            None => Ok(Self(text.into())),
        }
    }

    /// What a request says of the field: `""` clears it.
    ///
    /// # Errors
    /// As [`AvatarUrl::parse`].
    pub fn patch(text: &str) -> Result<Patch<Self>, FieldError> {
        if text.is_empty() {
            Ok(Patch::Clear)
        } else {
            Self::parse(text).map(Patch::Set)
        }
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("must not be empty");
    }
    if text.len() > AvatarUrl::MAX_BYTES {
        return Some("must be at most 2048 bytes");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Some("must not contain spaces or control characters");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some("must be an absolute http or https URL");
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Some("must be an absolute http or https URL");
    }
    // RFC 3986 section 3.2 ends the authority here. A browser ends it at `\` too: no host contains one, so
    // that both see the same host.
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("must not contain user info");
    }
    let (host, port) = split_port(authority);
    if host.is_empty() {
        return Some("must have a host");
    }
    if !is_host(host) {
        return Some("must have a valid host");
    }
    // RFC 3986 section 3.2.3: the port is digits, and may be empty.
    let port_ok = port.is_none_or(|digits| {
        digits.bytes().all(|b| b.is_ascii_digit()) && (digits.is_empty() || digits.parse::<u16>().is_ok())
    });
    if port_ok {
        None
    } else {
        Some("must have a valid port")
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    let bracket = authority.rfind(']').unwrap_or_default();
    match authority.get(bracket..).and_then(|tail| tail.find(':')) {
        Some(at) => {
            let (host, port) = authority.split_at(bracket + at);
            (host, port.get(1..))
        }
        None => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(literal) => literal
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => host.chars().all(may_be_in_a_name),
    }
}

/// No percent-encoding: what it says is read in several ways, and it may say anything. Beyond ASCII no symbols, which a browser
/// maps to other text: `⒈` to a digit and a dot, the full-width `／` to a slash.
fn may_be_in_a_name(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(c)
    } else {
        c.is_alphabetic() && !is_letter_in_a_shape(c) || is_digit(c)
    }
}

/// True for a letter in a circle or a square: a symbol (general category `So`) that Unicode counts among what is
/// alphabetic, and that a browser maps to the letter.
const fn is_letter_in_a_shape(c: char) -> bool {
    matches!(
        c,
        '\u{24B6}'..='\u{24E9}' | '\u{1F130}'..='\u{1F149}' | '\u{1F150}'..='\u{1F169}' | '\u{1F170}'..='\u{1F189}'
    )
}

/// True for a digit of a script (general category `Nd`): each script of the basic plane has its ten in a row.
fn is_digit(c: char) -> bool {
    const ZEROS: [u32; 36] = [
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
        0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90,
        0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    ];
    ZEROS
        .iter()
        .any(|zero| (*zero..zero + 10).contains(&u32::from(c)))
}

impl fmt::Display for AvatarUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
