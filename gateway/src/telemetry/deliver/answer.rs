//! What a server's answer to a write means: written, refused, busy, or for people to mend.

use std::time::Duration;

use super::patience::Again;

/// So much of what a server says is told to people.
const SAID_CHARACTERS: usize = 500;

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in the database.
    Done,
    /// The server will not take it as it is, now or later: 400 or 422, some or all lines refused.
    Refused(Refusal),
    /// The request was too large for the server; what it said.
    TooLarge(String),
    /// Try again later: the server is away or busy.
    Later(String, Again),
    /// The server failed at it (5xx but 503): it is in trouble, or cannot unpack what it was sent.
    Broken(String, Again),
    /// There was no answer in time, or the server gave up before; a smaller request may pass where the way or the server is slow.
    Slow(String, Again),
    /// The server does not know us, or what we write to; that is mended by people, and then it goes on.
    Denied(String),
}

/// Why lines were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the server said.
    pub reason: String,
    /// How many it refused, where it says so; the others are written.
    pub dropped: Option<usize>,
}

impl Refusal {
    /// A refusal that does not say of how many lines.
    pub fn uncounted(reason: String) -> Self {
        Self {
            reason,
            dropped: None,
        }
    }
}

/// What an answer means. A 400 is a partial success: it is never repeated blindly. Only a 204 says that lines are written: a 200 comes
/// from whatever else may stand at that address, such as a page to log in at.
pub fn of_status(status: u16, text: &str, after: Option<Duration>) -> Written {
    let said: String = text.chars().take(SAID_CHARACTERS).collect();
    // A page of several lines is one in a log.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = format!("{status} {said}");
    match status {
        204 => Written::Done,
        200..=399 => Written::Denied(format!(
            "{reason}: this is not the answer of a database that has written something (204): correct `url`"
        )),
        400 | 422 => match fault(text) {
            Fault::Lines => Written::Refused(Refusal {
                reason,
                dropped: dropped(text),
            }),
            Fault::Request(correct) => Written::Denied(format!("{reason}: {correct}")),
        },
        413 => Written::TooLarge(reason),
        408 | 504 => Written::Slow(reason, after.map_or(Again::Soon, Again::After)),
        500.. if says_too_slow(text) => {
            let unasked = if status == 503 { Again::Busy } else { Again::Soon };
            Written::Slow(reason, after.map_or(unasked, Again::After))
        }
        401 | 403 => Written::Denied(format!("{reason}: renew the token or the password")),
        404 => Written::Denied(format!(
            "{reason}: create the bucket or database, or correct `version` and `url`"
        )),
        429 | 503 => Written::Later(reason, after.map_or(Again::Busy, Again::After)),
        500.. => Written::Broken(reason, after.map_or(Again::Soon, Again::After)),
        _ => Written::Later(reason, after.map_or(Again::Soon, Again::After)),
    }
}

/// Whether a server that failed says that it took too long. Databases and proxies give up on a write after 10 s by default, which is before
/// we do: of a request that is sent again as it is they would say so for ever.
fn says_too_slow(text: &str) -> bool {
    let said = text.to_ascii_lowercase();
    ["timeout", "time-out", "timed out"]
        .iter()
        .any(|word| said.contains(word))
}

/// What a 400 or 422 is about.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// Some or all lines.
    Lines,
    /// All that is sent, whatever lines are in it; what people are to correct.
    Request(&'static str),
}

/// Whose fault a 400 or 422 is. Databases say in JSON what is wrong with lines: `error` (1.x, 3), or `code` and `message` (2.x). What is said
/// otherwise is said by what stands before them, or of the request before any line was read.
fn fault(text: &str) -> Fault {
    let message = database_message(text);
    // InfluxDB 3 writes no line of a request that needs one database, table or column more than it may have, and says so as JSON or not;
    // its later versions write the other lines, and say so as of any bad line.
    let said = message.as_deref().unwrap_or(text);
    if said.contains("would exceed") && said.contains("limit") {
        return Fault::Request("make room in the database, or raise its limit");
    }
    let Some(message) = message else {
        return Fault::Request("this is not what a database says of lines: correct `url`");
    };
    if message.contains("organization not found") {
        return Fault::Request("correct `org`, or create the organization");
    }
    if message.starts_with("invalid character in database name") || message.starts_with("db name ") {
        return Fault::Request("correct `bucket`: the database does not allow this name");
    }
    Fault::Lines
}

/// What a database says in its JSON. That of InfluxDB 3 has every bad line in it, and can be longer than what is read of an answer.
fn database_message(text: &str) -> Option<String> {
    let text = text.trim_start();
    let said: serde_json::Value = match serde_json::from_str(text) {
        Ok(said) => said,
        Err(error) if error.is_eof() && text.starts_with('{') => {
            let beginning: String = text.chars().take(SAID_CHARACTERS).collect();
            let is_said = beginning.contains("\"error\"") || beginning.contains("\"message\"");
            return is_said.then_some(beginning);
        }
        Err(_) => return None,
    };
    let told = |key: &str| said.get(key).and_then(serde_json::Value::as_str);
    let message = told("error").or_else(|| told("code").and_then(|_| told("message")))?;
    Some(message.to_owned())
}

/// The number in `partial write: … dropped=4 …`.
fn dropped(text: &str) -> Option<usize> {
    let (_, number) = text.rsplit_once("dropped=")?;
    let end = number
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(number.len());
    number.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_write_is_refused_and_everything_that_may_pass_is_tried_again() {
        for status in [400, 422] {
            assert!(
                matches!(
                    of_status(status, r#"{"error":"partial write"}"#, None),
                    Written::Refused(_)
                ),
                "{status}"
            );
        }
        assert!(matches!(of_status(413, "", None), Written::TooLarge(_)));
        for status in [429, 503] {
            assert_eq!(
                of_status(status, "", None),
                Written::Later(format!("{status} "), Again::Busy)
            );
        }
        for status in [500, 502] {
            assert_eq!(
                of_status(status, "", None),
                Written::Broken(format!("{status} "), Again::Soon)
            );
        }
        let asked = Duration::from_secs(7);
        for status in [429, 503] {
            assert_eq!(
                of_status(status, "", Some(asked)),
                Written::Later(format!("{status} "), Again::After(asked))
            );
        }
        assert_eq!(of_status(204, "", None), Written::Done);
        for status in [200, 301, 302, 307, 401, 403, 404] {
            assert!(
                matches!(of_status(status, "", None), Written::Denied(_)),
                "{status}"
            );
        }
    }

    #[test]
    fn a_server_that_gave_up_before_we_did_was_too_slow_and_any_other_trouble_is_not() {
        for (status, said) in [
            (500, r#"{"error":"timeout"}"#),
            (
                500,
                r#"{"code":"internal error","message":"unexpected error writing points to database: timeout"}"#,
            ),
            (502, "Operation timed out"),
            (
                504,
                "<html><head><title>504 Gateway Time-out</title></head></html>",
            ),
            (504, ""),
            (408, ""),
        ] {
            let written = of_status(status, said, None);
            let is_slow = matches!(&written, Written::Slow(_, Again::Soon));
            assert!(is_slow, "{status} {said}: {written:?}");
        }
        let asked = Duration::from_secs(7);
        for (after, again) in [(None, Again::Busy), (Some(asked), Again::After(asked))] {
            let reason = "503 upstream request timeout";
            assert_eq!(
                of_status(503, "upstream request timeout", after),
                Written::Slow(reason.to_owned(), again)
            );
        }
        let unreadable = "unable to read data: flate: corrupt input before offset 52";
        for said in [unreadable, "bad gateway", ""] {
            assert!(
                matches!(of_status(500, said, None), Written::Broken(..)),
                "{said}"
            );
        }
    }

    #[test]
    fn how_many_lines_were_dropped_is_taken_from_what_the_server_says() {
        let of_1x = r#"{"error":"partial write: field type conflict: input field \"a\" on measurement \"b\" is type float, already exists as type string dropped=3"}"#;
        assert_eq!(dropped(of_1x), Some(3));
        let of_2x = "failure writing points to database: partial write: dropped 4 points outside retention policy \
            dropped=4 for database: 9f282d63c7d3a5c0 for retention policy: autogen";
        assert_eq!(dropped(of_2x), Some(4));
        assert_eq!(dropped("unable to parse"), None);
    }

    #[test]
    fn only_what_a_database_says_of_lines_is_taken_for_their_fault() {
        for of_lines in [
            r#"{"error":"unable to parse 'pump a=': missing field value"}"#,
            r#"{"code":"invalid","message":"unable to parse 'pump a=': missing field value"}"#,
            r#"{"code":"unprocessable entity","message":"partial write: max-series-per-database limit exceeded: (1000000) dropped=1"}"#,
            r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"a","line_number":2,"error_message":"b"}]}"#,
            r#"{"error":"partial write of line protocol occurred","data":[{"error_message":"Update to schema would exceed number of tables limit of 2000 tables"}]}"#,
            // Longer than what was read of it.
            r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"a","line_nu"#,
            r#"{"code":"invalid","message":"partial write err"#,
        ] {
            assert_eq!(fault(of_lines), Fault::Lines, "{of_lines}");
        }
        for (of_the_request, correct) in [
            ("Client sent an HTTP request to an HTTPS server.\n", "`url`"),
            (
                "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
                "`url`",
            ),
            ("unsupported path requested: \"/api/v2/write\"", "`url`"),
            ("", "`url`"),
            ("404", "`url`"),
            (r#"{"message":"no route"}"#, "`url`"),
            (r#"{"status":{"error":true}}"#, "`url`"),
            (
                r#"{"code":"invalid","message":"failed to decode request body: organization not found"}"#,
                "`org`",
            ),
            (
                r#"{"error":"invalid character in database name: must be ASCII, containing only letters, numbers, underscores, or hyphens"}"#,
                "`bucket`",
            ),
            (r#"{"error":"db name cannot be empty","data":null}"#, "`bucket`"),
            (
                r#"{"error":"Adding a new database would exceed limit of 5 databases"}"#,
                "raise its limit",
            ),
            (
                "Update to schema would exceed number of columns per table limit of 500 columns",
                "raise its limit",
            ),
        ] {
            for status in [400, 422] {
                let Written::Denied(reason) = of_status(status, of_the_request, None) else {
                    panic!("{of_the_request}");
                };
                assert!(reason.contains(correct), "{reason}");
            }
        }
    }
}
