//! The dashboard at `/`. Its files are compiled in, and it requests nothing from other servers.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::access::Caller;
use crate::context::Context;
use crate::request::Problem;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/", get(index)).route("/page/{file}", get(file))
}

const INDEX: &str = include_str!("../../dashboard/index.html");

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// The browser lets the dashboard load from and connect to this server only, and never parse text as
/// HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The files of the dashboard, each with its content type.
macro_rules! files {
    ($($name:literal: $kind:ident,)*) => {
        const FILES: &[(&str, &str, &str)] =
            &[$(($name, $kind, include_str!(concat!("../../dashboard/", $name)))),*];
    };
}

files! {
    "announce.js": SCRIPT,
    "base.css": STYLE,
    "board-view.js": SCRIPT,
    "board.js": SCRIPT,
    "clock.js": SCRIPT,
    "details-view.js": SCRIPT,
    "dom.js": SCRIPT,
    "favicon.svg": IMAGE,
    "figures.js": SCRIPT,
    "filter-view.js": SCRIPT,
    "filter.js": SCRIPT,
    "health-view.js": SCRIPT,
    "health.js": SCRIPT,
    "lines.js": SCRIPT,
    "link-view.js": SCRIPT,
    "link.js": SCRIPT,
    "main.js": SCRIPT,
    "painter.js": SCRIPT,
    "parts.css": STYLE,
    "poller.js": SCRIPT,
    "progress.js": SCRIPT,
    "rate.js": SCRIPT,
    "safe.js": SCRIPT,
    "server.js": SCRIPT,
    "silence.js": SCRIPT,
    "sparkline.js": SCRIPT,
    "stream-view.js": SCRIPT,
    "theme.js": SCRIPT,
    "wire.js": SCRIPT,
}

async fn index(
    State(context): State<Arc<Context>>,
    OriginalUri(uri): OriginalUri,
    caller: Caller,
) -> Result<Response, Problem> {
    context.admit(&caller).await?;
    Ok(response(&caller, HTML, rooted(uri.path())))
}

/// The path may have other parameters, which belong to the application.
#[derive(Deserialize)]
struct Parameters {
    file: String,
}

async fn file(
    State(context): State<Arc<Context>>,
    path: Result<Path<Parameters>, PathRejection>,
    caller: Caller,
) -> Result<Response, Problem> {
    context.admit(&caller).await?;
    let named = |name: &str| FILES.iter().find(|(known, ..)| *known == name);
    let Some((_, kind, text)) = path.ok().and_then(|Path(Parameters { file })| named(&file)) else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "the dashboard has no such file: it starts one level above this address",
        ));
    };
    Ok(response(&caller, kind, Cow::Borrowed(text)))
}

/// The dashboard as requested at `path`. Nested at `/status` the path has no trailing slash, so the
/// browser resolves relative links against the root: they must then begin with `status/`.
fn rooted(path: &str) -> Cow<'static, str> {
    let segment = path.rsplit('/').next().unwrap_or_default();
    if segment.is_empty() {
        return Cow::Borrowed(INDEX);
    }
    // The segment goes into an attribute, and may be a parameter of the application's route.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
    let segment: String =
        segment.chars().map(|c| if plain(c) { c.to_string() } else { escaped(c) }).collect();
    let links = ["page/", "openapi.json", "asyncapi.json"];
    Cow::Owned(links.iter().fold(INDEX.to_owned(), |page, link| {
        page.replace(&format!("=\"{link}"), &format!("=\"./{segment}/{link}"))
    }))
}

fn escaped(c: char) -> String {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A file, or 304 if the browser has it. Browsers must revalidate, because another version of the
/// server has other files under the same names.
fn response(caller: &Caller, kind: &'static str, text: Cow<'static, str>) -> Response {
    let tag = tag(&text);
    let known = caller.header(header::IF_NONE_MATCH.as_str()).unwrap_or_default();
    let is_known = known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    let headers = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers, HEADERS).into_response();
    }
    ([(header::CONTENT_TYPE, kind)], headers, HEADERS, text).into_response()
}

fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each text between `before` and the next quotation mark.
    fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
        let parts = text.split(before).skip(1);
        parts.map(|part| part.split(['"', '\'']).next().unwrap_or_default()).collect()
    }

    #[test]
    fn every_referenced_file_exists() {
        let names: Vec<&str> = FILES.iter().map(|(name, ..)| *name).collect();
        let linked = quoted(INDEX, "=\"page/");
        let imported = FILES.iter().flat_map(|(_, _, text)| quoted(text, "from './"));
        let mut used: Vec<&str> = linked.into_iter().chain(imported).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(names, used, "in alphabetical order, and each is referenced");
    }

    #[test]
    fn nothing_is_requested_from_others_and_nothing_is_inline() {
        for (name, _, text) in FILES.iter().chain(&[("index.html", HTML, INDEX)]) {
            let w3 = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!w3.contains("http://") && !w3.contains("https://"), "{name}");
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", " style=", " on"]
            {
                let html_only = matches!(sink, " style=" | " on") && !name.ends_with(".html");
                assert!(html_only || !has_sink(text, sink), "{name} has {sink}");
            }
        }
    }

    fn has_sink(text: &str, sink: &str) -> bool {
        match sink {
            // An attribute such as ` onclick=`.
            " on" => quoted(text, " on").iter().any(|rest| {
                let name = rest.split('=').next().unwrap_or_default();
                rest.contains('=') && name.bytes().all(|byte| byte.is_ascii_lowercase())
            }),
            _ => text.contains(sink),
        }
    }

    #[test]
    fn links_are_relative_to_the_dashboard() {
        for path in ["/", "/status/"] {
            assert!(rooted(path).contains("src=\"page/main.js\""), "{path}");
            assert!(rooted(path).contains("href=\"openapi.json\""), "{path}");
        }
        for (path, link) in [
            ("/status", "src=\"./status/page/main.js\""),
            ("/status", "href=\"./status/openapi.json\""),
            ("/status", "href=\"./status/asyncapi.json\""),
            ("/a/status", "src=\"./status/page/main.js\""),
            ("/a/\"><script>", "src=\"./%22%3E%3Cscript%3E/page/main.js\""),
            ("/a/javascript:b", "src=\"./javascript%3Ab/page/main.js\""),
        ] {
            let page = rooted(path);
            assert!(page.contains(link), "{path}");
            assert!(!page.contains("\"page/"), "{path}");
        }
    }
}
