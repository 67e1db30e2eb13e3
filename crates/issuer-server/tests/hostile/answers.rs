//! Reads what came back as strictly as RFC 9112 lets one, and tells whether each answer is one that the contract knows.

use serde_json::Value;

use super::{
    session::{Expects, Session},
    smuggling::HIDDEN,
    wire::Heard,
};

/// One final answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The answer to HEAD, whose length is that of a body which does not follow.
    is_bodiless: bool,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        values.next().map_or(value, |_| Some("twice"))
    }
}

/// What a session has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: u64,
    pub(crate) good: u64,
    /// 503: the server had too much to do.
    pub(crate) turned_away: u64,
}

/// What is wrong with what came back, if anything is.
pub(crate) fn check(session: &Session, heard: &Heard) -> Result<Seen, String> {
    let (bytes, is_whole) = match heard {
        Heard::NotListened => return Ok(Seen::default()),
        Heard::Silence(_) => return Err("neither an answer nor an end".to_owned()),
        Heard::Whole(bytes) => (bytes, true),
        Heard::CutOff(bytes) => (bytes, false),
    };
    let asked_for_heads = session.bytes.windows(4).any(|window| window == b"HEAD");
    let answers = read(bytes, is_whole, asked_for_heads)?;
    let mut seen = Seen::default();
    for (place, answer) in answers.iter().enumerate() {
        let is_last = place + 1 == answers.len();
        check_one(answer, is_last).map_err(|wrong| format!("answer {place}: {wrong}"))?;
        seen.answers += 1;
        seen.good += u64::from(answer.status == 200);
        seen.turned_away += u64::from(answer.status == 503);
    }
    match session.expects {
        Expects::Each => {
            let last = answers.last().map(|answer| answer.status);
            if (answers.len(), last) != (session.requests, Some(200)) {
                return Err(format!(
                    "{} requests, {} answers, the last one {last:?}",
                    session.requests,
                    answers.len()
                ));
            }
        }
        Expects::NothingHidden => {
            if let Some(answer) = answers.iter().find(|answer| is_of_a_hidden_request(answer)) {
                return Err(format!("a hidden request was carried out: {answer:?}"));
            }
        }
        Expects::Any => {}
    }
    Ok(seen)
}

fn is_of_a_hidden_request(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body);
    answer.status == 200 && (text.contains(&format!("\"_id\":\"{HIDDEN}")) || text.contains("\"success\""))
}

/// All final answers. What was cut off may end anywhere.
fn read(mut bytes: &[u8], is_whole: bool, asked_for_heads: bool) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return unfinished(answers, is_whole, "a head", bytes);
        };
        let (status, headers) = head(&bytes[..end])?;
        bytes = &bytes[end + 4..];
        if status == 100 {
            continue;
        }
        let length = length(status, &headers)?;
        let is_bodiless =
            asked_for_heads && length > 0 && (bytes.is_empty() || bytes.starts_with(b"HTTP/1."));
        let length = if is_bodiless { 0 } else { length };
        let Some(body) = bytes.get(..length) else {
            return unfinished(answers, is_whole, "a body", bytes);
        };
        bytes = &bytes[length..];
        answers.push(Answer {
            status,
            headers,
            body: body.to_vec(),
            is_bodiless,
        });
    }
    Ok(answers)
}

fn unfinished(answers: Vec<Answer>, is_whole: bool, what: &str, rest: &[u8]) -> Result<Vec<Answer>, String> {
    if is_whole {
        return Err(format!(
            "{what} without an end: {:?}",
            rest.escape_ascii().to_string()
        ));
    }
    Ok(answers)
}

type Head = (u16, Vec<(String, String)>);

fn head(bytes: &[u8]) -> Result<Head, String> {
    let wrong = |what: &str| format!("{what}: {:?}", bytes.escape_ascii().to_string());
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("a head that is no UTF-8"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| {
        let rest = line
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| line.strip_prefix("HTTP/1.0 "))?;
        let (digits, _) = rest.split_once(' ')?;
        (digits.len() == 3).then(|| digits.parse().ok()).flatten()
    });
    let status = status.ok_or_else(|| wrong("no status line"))?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or_else(|| wrong("no header line"))?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_text = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if name.is_empty() || !name.bytes().all(is_token) || !value.bytes().all(is_text) {
            return Err(wrong("a header that is none"));
        }
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    Ok((status, headers))
}

fn length(status: u16, headers: &[(String, String)]) -> Result<usize, String> {
    if headers.iter().any(|(name, _)| name == "transfer-encoding") {
        return Err(format!("an answer without a length: {headers:?}"));
    }
    let mut lengths = headers.iter().filter(|(name, _)| name == "content-length");
    match (lengths.next(), lengths.next()) {
        (Some((_, length)), None) => length
            .parse()
            .map_err(|_| format!("a length that is none: {length}")),
        (None, _) if status == 204 || status == 304 => Ok(0),
        _ => Err(format!("no length, or several: {headers:?}")),
    }
}

fn check_one(answer: &Answer, is_last: bool) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {answer:?}"));
    if answer.status == 503 && answer.header("retry-after").is_none() {
        return wrong("a 503 without Retry-After");
    }
    let known = [200, 400, 401, 404, 405, 408, 409, 413, 415, 431, 501, 503];
    if !known.contains(&answer.status) {
        return wrong("a status that nobody expects");
    }
    if answer.status == 501 && !is_last {
        return wrong("an answer behind a 501");
    }
    if answer.body.is_empty() && !answer.is_bodiless {
        // The parser's, after which it reads no more.
        return match answer.status {
            400 | 431 if is_last => Ok(()),
            _ => wrong("no body"),
        };
    }
    if answer.header("x-request-id").is_none_or(|id| id == "twice") {
        return wrong("no X-Request-Id, or two");
    }
    if answer.header("content-type") != Some("application/json") {
        return wrong("no JSON");
    }
    if answer.header("cache-control") != Some("no-store") {
        return wrong("an answer that a cache may keep");
    }
    if answer.status == 401 && answer.header("www-authenticate").is_none() {
        return wrong("a 401 without WWW-Authenticate");
    }
    if answer.is_bodiless {
        return Ok(());
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(&answer.body) else {
        return wrong("no JSON object");
    };
    if answer.status == 200 {
        return Ok(());
    }
    let names: Vec<&str> = body.keys().map(String::as_str).collect();
    let code = match *names {
        ["error", "message"] if body["message"].is_string() => &body["error"],
        ["RC", "RM", "error"] if body["RC"] == answer.status => &body["error"]["code"],
        _ => return wrong("not the body of an error"),
    };
    if code
        .as_str()
        .is_none_or(|code| !codes(answer.status).contains(&code))
    {
        return wrong("a code that does not go with the status");
    }
    Ok(())
}

fn codes(status: u16) -> &'static [&'static str] {
    match status {
        400 => &["INVALID_REQUEST"],
        401 => &["UNAUTHORIZED", "INVALID_TOKEN"],
        404 => &["NOT_FOUND", "CLIENT_NOT_FOUND", "TOKEN_NOT_FOUND"],
        405 => &["METHOD_NOT_ALLOWED"],
        408 => &["REQUEST_TIMEOUT"],
        409 => &["USER_EXISTS", "IDEMPOTENCY_CONFLICT"],
        413 => &["PAYLOAD_TOO_LARGE"],
        415 => &["UNSUPPORTED_MEDIA_TYPE"],
        501 => &["NOT_IMPLEMENTED"],
        503 => &["UNAVAILABLE"],
        _ => &[],
    }
}
