//! The kinds of request bodies that carry updates.

use axum::http::StatusCode;
use serde_json::value::RawValue;

use crate::request::Problem;

/// The kind of a body with updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// One update, or an array of them.
    Json,
    /// One update on each line.
    Lines,
}

impl BodyKind {
    /// The kind that a `Content-Type` names. Anything other than a type for JSON lines is JSON, because
    /// tools like curl send JSON under other types.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        const LINES: [&str; 6] = [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonlines",
            "application/jsonlines",
            "application/json-lines",
        ];
        let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        let is_lines = LINES.iter().any(|name| essence.trim().eq_ignore_ascii_case(name));
        if is_lines { Self::Lines } else { Self::Json }
    }

    /// The raw text of each update in a body.
    ///
    /// # Errors
    /// `not_json`, or `too_large` for more than `max` updates.
    pub(super) fn split(self, body: &str, max: usize) -> Result<Vec<&str>, Problem> {
        let updates: Vec<&str> = match self {
            Self::Lines => {
                let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
                lines.take(max + 1).collect()
            }
            Self::Json if body.trim_start().starts_with('[') => {
                let array: Vec<&RawValue> =
                    serde_json::from_str(body).map_err(|error| not_json(&error))?;
                array.into_iter().map(RawValue::get).collect()
            }
            Self::Json => {
                let one: &RawValue =
                    serde_json::from_str(body).map_err(|error| not_json(&error))?;
                vec![one.get()]
            }
        };
        if updates.len() > max {
            let detail = format!("a request takes at most {max} updates: send them in parts");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail));
        }
        Ok(updates)
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    let detail = format!(
        "the body is not JSON: {error}; send an update, an array of them, or one on each line as application/x-ndjson"
    );
    Problem::bad_request("not_json", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_selects_the_kind() {
        for (content_type, kind) in [
            (None, BodyKind::Json),
            (Some("application/json"), BodyKind::Json),
            (Some("application/x-www-form-urlencoded"), BodyKind::Json),
            (Some("application/x-ndjson"), BodyKind::Lines),
            (Some("Application/NDJSON; charset=utf-8"), BodyKind::Lines),
            (Some("application/jsonl"), BodyKind::Lines),
        ] {
            assert_eq!(BodyKind::of(content_type), kind, "{content_type:?}");
        }
    }

    #[test]
    fn a_body_is_split_without_parsing_the_updates() {
        let json = |body| BodyKind::Json.split(body, 3).map_err(|problem| problem.reason());
        assert_eq!(json("{}"), Ok(vec!["{}"]));
        assert_eq!(json(" [ {} , 1 ]"), Ok(vec!["{}", "1"]));
        assert_eq!(json("[]"), Ok(vec![]));
        assert_eq!(json("[1,2,3,4]"), Err("too_large"));
        assert_eq!(json("{}\n{}"), Err("not_json"));
        assert_eq!(json(""), Err("not_json"));
        let lines = |body| BodyKind::Lines.split(body, 3).map_err(|problem| problem.reason());
        assert_eq!(lines("{}\r\n\nnonsense\n{}"), Ok(vec!["{}", "nonsense", "{}"]));
        assert_eq!(lines("1\n2\n3\n4"), Err("too_large"));
        assert_eq!(lines(""), Ok(vec![]));
    }
}
