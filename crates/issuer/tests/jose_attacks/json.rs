//! JSON: one object, one reading, whatever the parser could be talked into.

use issuer::jose::VerifyError;

use crate::{
    claims_refusal,
    jose_forge::{HEADER, forge, verify},
};

/// Claims that are no object, or an object with something behind it.
/// Source: RFC 7519 section 7.2.
#[test]
fn claims_are_one_json_object() {
    for claims in [
        "",
        " ",
        "null",
        "true",
        "0",
        r#"{"sub":"user001","exp":2000000000}{}"#,
        r#"{"sub":"user001","exp":2000000000} null"#,
        r#"{"sub":"user001","exp":2000000000"#,
        r#"{"sub":"user001","exp":2000000000}}"#,
    ] {
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{claims}");
    }
}

/// Claims as an array, which a derived deserializer reads like the object of its members.
/// Source: RFC 7519 section 7.2.
#[test]
fn claims_are_no_array() {
    for claims in [
        "[]",
        r#"["user001",2000000000]"#,
        r#"[null,"user001",null,null,null,2000000000,null]"#,
        r#"[{"sub":"user001","exp":2000000000}]"#,
        r#"[["sub","user001"],["exp",2000000000]]"#,
    ] {
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{claims}");
    }
}

/// Claims as a string that holds an object.
/// Source: RFC 7519 section 7.2.
#[test]
fn claims_are_no_string() {
    for claims in [
        r#""user001""#,
        r#""{\"sub\":\"user001\",\"exp\":2000000000}""#,
        r#""eyJzdWIiOiJ1c2VyMDAxIiwiZXhwIjoyMDAwMDAwMDAwfQ""#,
    ] {
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{claims}");
    }
}

/// What lenient parsers take for JSON: comments, single quotes, a comma too many, bare names, `NaN`.
/// Source: RFC 8259 sections 2 and 9.
#[test]
fn json_that_only_a_lenient_parser_reads_is_refused() {
    for claims in [
        r#"{"sub":"u","exp":2000000000,}"#,
        r#"{"sub":"u" "exp":2000000000}"#,
        r#"{"sub":"u",/**/"exp":2000000000}"#,
        "{\"sub\":\"u\",\"exp\":2000000000}//",
        r"{'sub':'u','exp':2000000000}",
        r#"{sub:"u",exp:2000000000}"#,
        r#"{"sub":"u","exp":2000000000,"x":NaN}"#,
        r#"{"sub":"u","exp":2000000000,"x":01}"#,
        "{\"sub\":\"u\",\"exp\":2000000000,\"x\":\"\n\"}",
        r#"{"sub":"u","exp":2000000000,"x":"\x41"}"#,
    ] {
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{claims}");
    }
}

/// A claim twice, registered or not, so that two parsers read two sets of claims.
/// Source: RFC 7519 section 4.
#[test]
fn no_claim_stands_twice() {
    for twice in [
        r#""sub":"admin""#,
        r#""sub":"user001""#,
        r#""exp":2000000001"#,
        r#""exp":null"#,
        r#""iss":"a","iss":"a""#,
        r#""aud":"a","aud":"a""#,
        r#""iat":1,"iat":1"#,
        r#""nbf":1,"nbf":1"#,
        r#""jti":"a","jti":"a""#,
        r#""role":"user","role":"admin""#,
    ] {
        let claims = format!(r#"{{"sub":"user001","exp":2000000000,{twice}}}"#);
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{twice}");
    }
}

/// A claim whose name is written with escapes, beside the plain one or instead of it.
/// Source: RFC 8259 section 8.3.
#[test]
fn a_claim_written_with_escapes_is_that_claim() {
    for twice in [
        r#""s\u0075b":"admin""#,
        r#""\u0065xp":2000000001"#,
        r#""role":"user","r\u006fle":"admin""#,
    ] {
        let claims = format!(r#"{{"sub":"user001","exp":2000000000,{twice}}}"#);
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{twice}");
    }
    assert_eq!(
        claims_refusal(r#"{"sub":"u","e\u0078p":1}"#),
        VerifyError::Expired
    );
    assert_eq!(
        claims_refusal(r#"{"sub":"u","exp":2000000000,"\u006ebf":1900000000}"#),
        VerifyError::NotYetValid
    );
}

/// A claim in another case, which a lenient parser would take for the one that it looks for.
/// Source: RFC 7519 section 10.1.1.
#[test]
fn names_of_claims_are_compared_with_case() {
    for claims in [
        r#"{"SUB":"u","exp":2000000000}"#,
        r#"{"sub":"u","EXP":2000000000}"#,
        r#"{"sub":"u","ex\u017f":2000000000,"e\u212Ap":1}"#,
        r#"{"sub":"u"," exp":2000000000,"exp ":2000000000}"#,
    ] {
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{claims}");
    }
    assert_eq!(
        claims_refusal(r#"{"sub":"u","exp":1,"EXP":2000000000,"Exp":2000000000}"#),
        VerifyError::Expired
    );
    let two = verify(&forge(HEADER, r#"{"Sub":"admin","sub":"u","exp":2000000000}"#)).unwrap();
    assert_eq!(two.subject(), "u");
}

/// A byte order mark in front.
/// Source: RFC 8259 section 8.1.
#[test]
fn a_byte_order_mark_is_refused() {
    for mark in [
        &b"\xEF\xBB\xBF"[..],
        b"\xFE\xFF",
        b"\xFF\xFE",
        b"\xFF\xFE\0\0",
        b"\x2B\x2F\x76\x38",
    ] {
        let claims = [mark, br#"{"sub":"user001","exp":2000000000}"#].concat();
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{mark:?}");
    }
}

/// Claims in UTF-16 or UTF-32.
/// Source: RFC 8725 sections 2.6 and 3.7.
#[test]
fn claims_in_another_encoding_are_refused() {
    let text = r#"{"sub":"user001","exp":2000000000}"#;
    let utf_16: Vec<u16> = text.encode_utf16().collect();
    for claims in [
        utf_16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf_16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        text.chars()
            .flat_map(|char| u32::from(char).to_le_bytes())
            .collect::<Vec<u8>>(),
    ] {
        assert_eq!(claims_refusal(claims), VerifyError::Claims);
    }
}

/// Bytes that are no UTF-8: stray, overlong, surrogates, beyond Unicode; also where nobody reads.
/// Source: RFC 3629 section 3; RFC 8725 section 3.7.
#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    for bytes in [
        &b"\xFF"[..],
        b"\x80",
        b"\xC0\x80",
        b"\xC0\xAE\xC0\xAE",
        b"\xE0\x80\xAF",
        b"\xED\xA0\x80",
        b"\xF4\x90\x80\x80",
        b"\xE2\x82",
    ] {
        let sub = [b"{\"sub\":\"", bytes, b"\",\"exp\":2000000000}"].concat();
        assert_eq!(claims_refusal(sub), VerifyError::Claims, "{bytes:?}");
        let other = [b"{\"sub\":\"u\",\"exp\":2000000000,\"x\":\"", bytes, b"\"}"].concat();
        assert_eq!(claims_refusal(other), VerifyError::Claims, "{bytes:?}");
        let name = [b"{\"sub\":\"u\",\"exp\":2000000000,\"", bytes, b"\":1}"].concat();
        assert_eq!(claims_refusal(name), VerifyError::Claims, "{bytes:?}");
    }
}

/// Half a surrogate pair, escaped, in a subject or in a name.
/// Source: RFC 8259 section 8.2.
#[test]
fn half_a_surrogate_pair_is_refused() {
    for half in [
        r"\ud800",
        r"\udfff",
        r"\ud800\ud800",
        r"\udc00\ud800",
        r"\ud800x",
        r"\uD83D",
    ] {
        for claims in [
            format!(r#"{{"sub":"{half}","exp":2000000000}}"#),
            format!(r#"{{"sub":"u","exp":2000000000,"aud":["{half}"]}}"#),
            format!(r#"{{"sub":"u","exp":2000000000,"{half}":1}}"#),
        ] {
            assert_eq!(claims_refusal(&claims), VerifyError::Claims, "{claims}");
        }
    }
    let whole = verify(&forge(HEADER, r#"{"sub":"\ud83d\ude00","exp":2000000000}"#)).unwrap();
    assert_eq!(whole.subject(), "\u{1F600}");
}

/// A NUL, which ends the text for a reader that counts on it: bare, in a name, in a subject.
/// Source: RFC 8259 section 7.
#[test]
fn a_nul_ends_nothing() {
    for claims in [
        &b"{\"sub\":\"u\",\"exp\":2000000000}\0"[..],
        b"\0{\"sub\":\"u\",\"exp\":2000000000}",
        b"{\"sub\":\"u\0\",\"exp\":2000000000}",
        br#"{"sub":"u","exp\u0000":2000000000}"#,
        br#"{"sub\u0000x":"u","exp":2000000000}"#,
    ] {
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{claims:?}");
    }
    let token = forge(HEADER, r#"{"sub":"admin\u0000user001","exp":2000000000}"#);
    assert_eq!(verify(&token).unwrap().subject(), "admin\0user001");
}
