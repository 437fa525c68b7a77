//! Validation against the API descriptions. Every response, event and message that a test receives
//! passes through here.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use hyper::header::HeaderMap;
use jsonschema::{Draft, Validator};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// The template of `GET /openapi.json`.
pub(crate) static OPENAPI: LazyLock<Document> =
    LazyLock::new(|| Document::new(include_str!("../../api/openapi.json"), Draft::Draft202012));

/// The template of `GET /asyncapi.json`.
pub(crate) static ASYNCAPI: LazyLock<Document> =
    LazyLock::new(|| Document::new(include_str!("../../api/asyncapi.json"), Draft::Draft7));

pub(crate) struct Document {
    pub(crate) json: Value,
    draft: Draft,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    fn new(text: &str, draft: Draft) -> Self {
        let mut json: Value = serde_json::from_str(text).expect("JSON");
        // Categories differ between buses.
        json["components"]["schemas"]["Category"] = json!({"type": "string"});
        close(&mut json);
        Self { json, draft, compiled: Mutex::default() }
    }

    /// The value at a pointer; a reference is followed.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        let value = self.json.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        match reference(value) {
            Some(pointer) => self.at(pointer),
            None => value,
        }
    }

    /// The violations of the schema at a pointer.
    pub(crate) fn faults(&self, pointer: &str, value: &Value) -> Vec<String> {
        assert!(self.json.pointer(pointer).is_some(), "{pointer}");
        let mut compiled = self.compiled.lock();
        let validator = compiled.entry(pointer.to_owned()).or_insert_with(|| {
            let mut schema = self.json.clone();
            let uri = pointer.replace('{', "%7B").replace('}', "%7D");
            schema["$ref"] = json!(format!("#{uri}"));
            let options = jsonschema::options().with_draft(self.draft);
            Arc::new(options.should_validate_formats(true).build(&schema).expect("a schema"))
        });
        let validator = Arc::clone(validator);
        drop(compiled);
        validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }

    pub(crate) fn check(&self, pointer: &str, value: &Value) {
        let faults = self.faults(pointer, value);
        assert!(faults.is_empty(), "{pointer}: {faults:#?} in {value}");
    }
}

/// The pointer of a reference.
pub(crate) fn reference(value: &Value) -> Option<&str> {
    value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'))
}

/// Forbids properties that are not described. Clients must tolerate them, tests must not.
fn close(json: &mut Value) {
    match json {
        Value::Object(map) => {
            if map.contains_key("properties") && !map.contains_key("$ref") {
                map.entry("additionalProperties").or_insert(json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// Escapes a segment of a JSON pointer.
pub(crate) fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// The path template that an address matches.
pub(crate) fn path_of(address: &str) -> Option<&'static str> {
    let address = address.split('?').next().unwrap_or_default();
    let paths = OPENAPI.at("/paths").as_object().expect("paths");
    let fits = |path: &str| {
        let mut pairs = path.split('/').zip(address.split('/'));
        path.split('/').count() == address.split('/').count()
            && pairs.all(|(of, is)| of == is || (of.starts_with('{') && !is.is_empty()))
    };
    // Literal segments precede parameters.
    let mut fitting: Vec<_> = paths.keys().filter(|path| fits(path)).map(String::as_str).collect();
    fitting.sort_by_key(|path| path.contains('{'));
    fitting.first().copied()
}

/// A response to validate.
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a str,
    pub(crate) address: &'a str,
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    /// `None`: an open stream.
    pub(crate) text: Option<&'a str>,
}

/// Validates a response. Returns the operation and the status, `None` for unknown addresses and
/// methods.
pub(crate) fn check_answer(seen: &Seen<'_>) -> Option<(String, u16)> {
    let path = path_of(seen.address)?;
    let method = if seen.method == "HEAD" { "get" } else { &seen.method.to_lowercase() };
    let operation = format!("/paths/{}/{method}", escaped(path));
    let header = |name: &str| seen.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(id) = OPENAPI.json.pointer(&format!("{operation}/operationId")) else {
        let is_preflight = (seen.method, seen.status) == ("OPTIONS", 200);
        assert!(seen.status == 405 || is_preflight, "{} {path}: {}", seen.method, seen.status);
        return None;
    };
    let described = format!("{operation}/responses/{}", seen.status);
    let Some(response) = OPENAPI.json.pointer(&described) else {
        panic!("{} {path} is not described to answer {}", seen.method, seen.status);
    };
    let pointer = reference(response).unwrap_or(&described);
    let response = OPENAPI.at(pointer);
    for (name, about) in response["headers"].as_object().into_iter().flatten() {
        let value = header(name);
        assert!(value.is_some() || about["required"] != true, "{path}: no {name}");
        if let Some(value) = value {
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            OPENAPI.check(&format!("{pointer}/headers/{name}/schema"), &value);
        }
    }
    let is_bare = seen.method == "HEAD";
    match (&response["content"], seen.text) {
        (Value::Null, text) => assert!(text.unwrap_or_default().is_empty(), "{path}: {text:?}"),
        (content, text) => {
            let kind = header("content-type").unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default();
            assert!(content.get(kind).is_some(), "{path} {}: {kind:?}", seen.status);
            if let Some(text) = text.filter(|_| !is_bare) {
                let body = match kind {
                    kind if kind == "application/json" || kind.ends_with("+json") => {
                        serde_json::from_str(text).expect("JSON")
                    }
                    _ => json!(text),
                };
                OPENAPI.check(&format!("{pointer}/content/{}/schema", escaped(kind)), &body);
            }
        }
    }
    Some((id.as_str().expect("a name").to_owned(), seen.status))
}

/// The format of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// The native format, whose events have names.
    Own,
    /// Another format: the message that describes all its events.
    Other(&'static str),
}

impl Form {
    /// The format that an address requests.
    pub(crate) fn asked(address: &str) -> Self {
        let (_, query) = address.split_once('?').unwrap_or_default();
        match query.split('&').find_map(|parameter| parameter.strip_prefix("format=")) {
            None | Some("statusbus") => Self::Own,
            Some("ai-sdk") => Self::Other("aiSdk"),
            Some("ag-ui") => Self::Other("agUi"),
            Some("cloudevents") => Self::Other("cloudEvents"),
            Some(other) => panic!("{other:?} is no form of a stream"),
        }
    }
}

/// Validates an event of a stream in this format.
pub(crate) fn check_event(form: Form, name: &str, id: &str, data: &Value) {
    let message = match form {
        Form::Own => name,
        Form::Other(message) => message,
    };
    let message = format!("/components/messages/{message}");
    // Events without a name are called `message`.
    let mut headers = if name.is_empty() { json!({}) } else { json!({"event": name}) };
    if !id.is_empty() {
        headers["id"] = json!(id);
    }
    ASYNCAPI.check(&format!("{message}/headers"), &headers);
    ASYNCAPI.check(&format!("{message}/payload"), data);
}
