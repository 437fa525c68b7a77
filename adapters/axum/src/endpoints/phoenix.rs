//! Phoenix channels, version 2 of the protocol, over a WebSocket: phoenix.js connects unchanged.

mod channel;
mod message;
mod payload;
mod push;
mod session;
mod sliding_window;
mod socket;
mod token_bucket;

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::access::Caller;
use crate::context::Context;
use crate::request::Problem;
#[cfg(feature = "server")]
use crate::state::ConnectionPermit;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/socket/websocket", get(connect))
}

/// The subprotocol that phoenix.js offers together with a token.
const PROTOCOL: &str = "phoenix";

async fn connect(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    authorization_from_protocols(&mut parts);
    let caller = Caller::of(&parts);
    context.admit(&caller).await?;
    context.origins.check(&caller)?;
    check_version(caller.parameter("vsn").as_deref())?;
    let upgrade =
        WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(not_a_websocket)?;
    if context.shutdown.is_shutting_down() {
        return Err(Problem::closing());
    }
    let permit =
        context.streams.acquire().ok_or_else(|| Problem::crowded(context.streams.max()))?;
    #[cfg(feature = "server")]
    let permit = (permit, parts.extensions.remove::<Arc<ConnectionPermit>>());
    // A shutdown waits until the last token is dropped.
    let held = (permit, context.shutdown.socket_token());
    Ok(socket::open(upgrade.protocols([PROTOCOL]), context, caller, held))
}

/// Prefix of a token among the subprotocols.
const TOKEN_PREFIX: &str = "base64url.bearer.phx.";

/// Moves a token from the subprotocols to the header `Authorization`. A WebSocket in a browser cannot
/// send headers, so phoenix.js offers its token as a subprotocol.
fn authorization_from_protocols(parts: &mut Parts) {
    let protocols = parts.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offered = protocols.iter().filter_map(|value| value.to_str().ok());
    let token = offered.find_map(|list| {
        list.split(',').find_map(|protocol| decode(protocol.trim().strip_prefix(TOKEN_PREFIX)?))
    });
    let value = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
    if let Some(mut value) = value
        && !parts.headers.contains_key(header::AUTHORIZATION)
    {
        value.set_sensitive(true);
        parts.headers.insert(header::AUTHORIZATION, value);
    }
}

/// Decodes a token: base64 without padding, in the standard or the URL-safe alphabet.
fn decode(token: &str) -> Option<String> {
    let token = token.replace('-', "+").replace('_', "/");
    String::from_utf8(STANDARD_NO_PAD.decode(token).ok()?).ok()
}

/// Accepts version 2 of the protocol only.
fn check_version(version: Option<&str>) -> Result<(), Problem> {
    let detail = match version {
        Some(version) if version.starts_with("2.0.") => return Ok(()),
        Some(version) => format!("version {version:?} of the protocol is not supported"),
        None => "the version of the protocol is missing".to_owned(),
    };
    let detail = format!("{detail}: connect with vsn=2.0.0, as phoenix.js does since 1.3");
    Err(Problem::new(StatusCode::BAD_REQUEST, "version", detail))
}

fn not_a_websocket(rejection: WebSocketUpgradeRejection) -> Problem {
    let detail = format!("this path is for WebSockets: {}", rejection.body_text());
    Problem::new(rejection.status(), "no_websocket", detail)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn caller(headers: &[(HeaderName, &str)]) -> Caller {
        let mut request = Request::builder().uri("/socket/websocket?vsn=2.0.0&token=query");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        authorization_from_protocols(&mut parts);
        Caller::of(&parts)
    }

    #[test]
    fn a_token_among_the_subprotocols_is_used() {
        // As phoenix.js writes the token "se>cr?et~~": btoa without padding.
        let offered = "phoenix, base64url.bearer.phx.c2U+Y3I/ZXR+fg";
        let offered = [(header::SEC_WEBSOCKET_PROTOCOL, offered)];
        assert_eq!(caller(&offered).token().as_deref(), Some("se>cr?et~~"));
        let url_safe = [(header::SEC_WEBSOCKET_PROTOCOL, "base64url.bearer.phx.c2U-Y3I_ZXR-fg")];
        assert_eq!(caller(&url_safe).token().as_deref(), Some("se>cr?et~~"));
    }

    #[test]
    fn a_header_precedes_the_subprotocols_and_they_precede_the_query() {
        let query = Some("query");
        assert_eq!(caller(&[]).token().as_deref(), query);
        for no_token in ["phoenix", "base64url.bearer.phx.%%%", "base64url.bearer.phx.CgoK", "x,,"]
        {
            let offered = [(header::SEC_WEBSOCKET_PROTOCOL, no_token)];
            assert_eq!(caller(&offered).token().as_deref(), query, "{no_token}");
        }
        let both = [
            (header::AUTHORIZATION, "Bearer header"),
            (header::SEC_WEBSOCKET_PROTOCOL, "base64url.bearer.phx.c2VjcmV0"),
        ];
        assert_eq!(caller(&both).token().as_deref(), Some("header"));
    }

    #[test]
    fn only_version_2_is_accepted() {
        assert!(check_version(Some("2.0.0")).is_ok());
        for (version, part) in
            [(None, "is missing"), (Some("1.0.0"), "\"1.0.0\""), (Some(""), "\"\"")]
        {
            let problem = check_version(version).expect_err("another version");
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
            assert!(problem.detail().contains(part), "{}", problem.detail());
            assert!(problem.detail().contains("vsn=2.0.0"), "{}", problem.detail());
        }
    }
}
