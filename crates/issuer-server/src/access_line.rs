//! The line of an answered request, as JSON.

use std::fmt;

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    registry::LookupSpan,
};

/// The events of answered requests.
pub(crate) const ACCESS: &str = "issuer_http::access";

/// Writes the line of an answered request as `F` would, and leaves all others to it.
///
/// A line a request is a tenth of what the request takes, most of it in handing on each word of it on its own.
pub(crate) struct AccessLines<F>(pub(crate) F);

impl<S, N, F> FormatEvent<S, N> for AccessLines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let about = event.metadata();
        if about.target() != ACCESS {
            return self.0.format_event(context, line, event);
        }
        line.write_str(r#"{"timestamp":""#)?;
        SystemTime.format_time(&mut line)?;
        line.write_str(r#"","level":""#)?;
        line.write_str(about.level().as_str())?;
        line.write_char('"')?;
        let mut members = Members {
            line: &mut line,
            outcome: Ok(()),
        };
        event.record(&mut members);
        members.outcome?;
        line.write_str(r#","target":""#)?;
        line.write_str(ACCESS)?;
        line.write_str("\"}\n")
    }
}

/// Writes fields as members of an object.
struct Members<'a, 'w> {
    line: &'a mut Writer<'w>,
    outcome: fmt::Result,
}

impl Members<'_, '_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let write = || {
            self.line.write_char(',')?;
            text(self.line, field.name())?;
            self.line.write_char(':')?;
            value(self.line)
        };
        self.outcome = self.outcome.and_then(|()| write());
    }
}

impl Visit for Members<'_, '_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |line| text(line, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |line| text(line, &format!("{value:?}")));
    }
}

/// A string of JSON (RFC 8259 section 7).
fn text(line: &mut Writer<'_>, text: &str) -> fmt::Result {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if !text.bytes().all(is_plain) {
        return line.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?);
    }
    line.write_char('"')?;
    line.write_str(text)?;
    line.write_char('"')
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use serde_json::Value;
    use tracing::subscriber::with_default;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Out {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// What is written, with and without what is here, but for the time.
    fn both(log: impl Fn()) -> [Vec<String>; 2] {
        let (ours, theirs) = (Out::default(), Out::default());
        let json = || tracing_subscriber::fmt().json().flatten_event(true);
        let subscriber = json()
            .with_writer(ours.clone())
            .map_event_format(AccessLines)
            .finish();
        with_default(subscriber, &log);
        with_default(json().with_writer(theirs.clone()).finish(), &log);
        [ours, theirs].map(|out| {
            let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
            text.lines().map(without_the_time).collect()
        })
    }

    fn without_the_time(line: &str) -> String {
        let event: Value = serde_json::from_str(line).unwrap();
        let time = event["timestamp"].as_str().unwrap();
        assert_eq!((time.len(), time.ends_with('Z')), (27, true), "{time}");
        line.replacen(time, "TIME", 1)
    }

    #[test]
    fn the_line_is_the_same_to_the_byte_as_that_of_the_library() {
        let ids = [
            "0123456789abcdef",
            "",
            r#"a"b\c"#,
            "tab\tand\u{7f}",
            "Zo\u{eb}",
            "\u{1}",
        ];
        let [ours, theirs] = both(|| {
            for (status, id) in (200_u16..).zip(ids) {
                tracing::info!(
                    target: "issuer_http::access",
                    method = "GET",
                    route = "/admin/clients/{id}",
                    status,
                    micros = u64::MAX,
                    request_id = id,
                    "answered"
                );
            }
        });
        assert_eq!(ours.len(), ids.len());
        assert_eq!(ours, theirs);
    }

    #[test]
    fn any_other_line_is_left_to_the_library() {
        let [ours, theirs] = both(|| tracing::warn!(rows = -1, is_late = true, "the store failed"));
        assert_eq!(ours, theirs);
    }
}
