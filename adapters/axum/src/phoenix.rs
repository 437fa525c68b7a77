//! Phoenix channels (version 2 of the protocol) over a WebSocket, so that phoenix.js connects
//! unchanged.

mod changes;
mod channel;
mod channels;
mod message;
mod pace;
mod payload;
mod push;
mod session;
mod socket;

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

use crate::caller::Caller;
use crate::context::Context;
use crate::problem::Problem;
use crate::server::Place;

pub(crate) use channels::Channels;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/socket/websocket", get(connect))
}

/// The subprotocol that phoenix.js offers when it has a token to bring.
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
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(no_socket)?;
    if context.closing.has_begun() {
        return Err(Problem::closing());
    }
    let seat = context.seats.take().ok_or_else(|| Problem::crowded(context.seats.most()))?;
    // A place among streams and sockets, one among the connections of our server, and what a
    // shutdown waits for.
    let held = (seat, parts.extensions.remove::<Arc<Place>>(), context.closing.socket());
    Ok(socket::open(upgrade.protocols([PROTOCOL]), context, caller, held))
}

/// Before a token among the subprotocols.
const TOKEN: &str = "base64url.bearer.phx.";

/// In browsers a WebSocket brings no headers, and phoenix.js puts its token among the subprotocols
/// that it offers. From here on it is a header.
fn authorization_from_protocols(parts: &mut Parts) {
    let protocols = parts.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offered = protocols.iter().filter_map(|value| value.to_str().ok());
    let token = offered.find_map(|list| {
        list.split(',').find_map(|protocol| decode(protocol.trim().strip_prefix(TOKEN)?))
    });
    let value = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
    if let Some(mut value) = value
        && !parts.headers.contains_key(header::AUTHORIZATION)
    {
        value.set_sensitive(true);
        parts.headers.insert(header::AUTHORIZATION, value);
    }
}

/// The text of a token: its base64 without padding, of either alphabet.
fn decode(token: &str) -> Option<String> {
    let token = token.replace('-', "+").replace('_', "/");
    String::from_utf8(STANDARD_NO_PAD.decode(token).ok()?).ok()
}

/// Only version 2 of the protocol is spoken.
fn check_version(version: Option<&str>) -> Result<(), Problem> {
    let detail = match version {
        Some(version) if version.starts_with("2.0.") => return Ok(()),
        Some(version) => format!("version {version:?} of the protocol is not spoken here"),
        None => "which version of the protocol is not said".to_owned(),
    };
    let detail = format!("{detail}: connect with vsn=2.0.0, as phoenix.js does since 1.3");
    Err(Problem::new(StatusCode::BAD_REQUEST, "version", detail))
}

fn no_socket(rejection: WebSocketUpgradeRejection) -> Problem {
    let detail = format!("this is for WebSockets: {}", rejection.body_text());
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
    fn a_token_among_the_subprotocols_is_the_token() {
        // As phoenix.js writes the token "se>cr?et~~": btoa without padding.
        let offered = "phoenix, base64url.bearer.phx.c2U+Y3I/ZXR+fg";
        let offered = [(header::SEC_WEBSOCKET_PROTOCOL, offered)];
        assert_eq!(caller(&offered).token().as_deref(), Some("se>cr?et~~"));
        let url_safe = [(header::SEC_WEBSOCKET_PROTOCOL, "base64url.bearer.phx.c2U-Y3I_ZXR-fg")];
        assert_eq!(caller(&url_safe).token().as_deref(), Some("se>cr?et~~"));
    }

    #[test]
    fn without_one_the_query_has_it_and_a_header_goes_before_both() {
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
    fn only_version_2_is_spoken() {
        assert!(check_version(Some("2.0.0")).is_ok());
        for (version, told) in
            [(None, "is not said"), (Some("1.0.0"), "\"1.0.0\""), (Some(""), "\"\"")]
        {
            let problem = check_version(version).expect_err("another version");
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
            assert!(problem.detail().contains(told), "{}", problem.detail());
            assert!(problem.detail().contains("vsn=2.0.0"), "{}", problem.detail());
        }
    }
}
