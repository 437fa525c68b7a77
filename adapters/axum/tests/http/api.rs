//! The API description is complete: it has all that the server has, and nothing else. The bodies of
//! responses are validated against it in every test that sends a request.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use statusbus_axum::{Access, Authorize, Caller, Decision, Denied, Limits, Routes};
use statusbus_tokio::{DropReason, RefuseReason, Spawn, Status};
use tokio::net::TcpListener;

use crate::support::api::{ASYNCAPI, OPENAPI, escaped, path_of, reference};
use crate::support::{Answer, Client, Served, serve, serve_with};

/// Each operation of the document: its path, method and name.
fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let paths = OPENAPI.at("/paths").as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().expect("methods").iter();
        operations.filter(|(method, _)| *method != "parameters").map(|(method, operation)| {
            (path.as_str(), method.as_str(), operation["operationId"].as_str().expect("a name"))
        })
    })
}

/// Whether an operation is an AG-UI run.
fn is_run(path: &str, method: &str) -> bool {
    method == "post" && path.ends_with("/events")
}

/// Requests a run with this query and body, at each path that supports runs.
async fn ask_for_runs(kept: &mut Kept, served: &Served, query: &str, body: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (path, method, _) in operations().filter(|(path, method, _)| is_run(path, method)) {
        let client = served.client().await;
        let path = path.replace("{conversation}", "conv-1");
        let request = client.request(&method.to_uppercase(), &format!("{path}{query}"));
        answers.push(client.answer(request, body.to_owned()).await);
    }
    answers.iter().for_each(|answer| keep(kept, answer));
    answers
}

/// Requests an operation with the examples of its parameters.
async fn ask(client: Client, (path, method): (&str, &str), headers: &[(&str, &str)]) -> Answer {
    let path = path.replace("{conversation}", "conv-1").replace("{file}", "main.js");
    let is_socket = path == "/socket/websocket";
    let is_run = is_run(&path, method);
    let path = match (is_socket, is_run) {
        (true, _) => format!("{path}?vsn=2.0.0"),
        (_, true) => format!("{path}?format=ag-ui"),
        _ => path,
    };
    let mut request = client.request(&method.to_uppercase(), &path);
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (name, value) in upgrade.iter().filter(|_| is_socket).chain(headers) {
        request = request.header(*name, *value);
    }
    let body = match method {
        "post" if is_run => r#"{"threadId":"t","runId":"r"}"#,
        "post" => r#"{"conversation":"conv-1","category":"tool","text":"x"}"#,
        _ => "",
    };
    client.answer(request, body).await
}

/// A policy that denies everything.
struct Nobody(Denied);

impl Authorize for Nobody {
    fn authorize<'a>(&'a self, _: &'a Caller, _: Access<'a>) -> Decision<'a> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }

    fn admit<'a>(&'a self, _: &'a Caller) -> Decision<'a, ()> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }
}

type Kept = BTreeSet<(String, u16)>;

/// Records the operation and the status of a response.
fn keep(kept: &mut Kept, answer: &Answer) {
    kept.insert(answer.described.clone().expect("an operation that is described"));
}

/// The responses of each operation to valid requests and to invalid addresses.
async fn ask_a_server(kept: &mut Kept) {
    let served = serve(Status::builder().spawn()).await;
    for (path, method, _) in operations() {
        let well = ask(served.client().await, (path, method), &[]).await;
        keep(kept, &well);
        if let Some(tag) = well.header("etag") {
            keep(
                kept,
                &ask(served.client().await, (path, method), &[("if-none-match", tag)]).await,
            );
        }
        let page_elsewhere = [("origin", "https://evil.example")];
        keep(kept, &ask(served.client().await, (path, method), &page_elsewhere).await);
    }
    for address in [
        "/v1/status/a:b",
        "/v1/status/%ff",
        "/v1/status/conv-1?categories=",
        "/v1/system?categories=gossip",
        "/v1/status/a*b/events",
        "/v1/status/%ff/events",
        "/v1/system/events?categories=tool,",
        "/v1/events?categories=gossip",
        "/socket/websocket",
        "/socket/websocket?vsn=1.0.0",
        "/socket/websocket?vsn=2.0.0",
        "/page/none.js",
        "/page/%ff",
    ] {
        let answer = served.get(address).await;
        assert!(answer.status.is_client_error(), "{address}");
        keep(kept, &answer);
    }
    keep(kept, &served.publish("nonsense").await);
    let long = format!(r#"{{"threadId":"{}","runId":"r"}}"#, "x".repeat(1_025));
    for (query, body, refused) in [
        ("?format=ag-ui", "nonsense", (400, "invalid")),
        ("?format=ag-ui", &long, (400, "too_large")),
        ("?format=xml", "{}", (400, "unknown_format")),
        ("", "{}", (405, "method")),
    ] {
        for answer in ask_for_runs(kept, &served, query, body).await {
            assert_eq!(answer.reason(), (refused.0, refused.1.to_owned()), "{query} {body}");
        }
    }
    served.end().await;
}

/// The responses at a limit.
async fn ask_a_full_server(kept: &mut Kept) {
    let limits = |routes: Routes| routes.with_limits(Limits::new().with_streams(0).with_body(100));
    let full = serve_with(Status::builder().spawn(), limits, |server| server).await;
    keep(kept, &full.publish("x".repeat(101)).await);
    let client = full.client().await;
    let packed = client.request("POST", "/v1/status").header("content-encoding", "gzip");
    keep(kept, &client.answer(packed, "x").await);
    for (path, method, _) in operations().filter(|(path, method, _)| is_run(path, method)) {
        let packed = [("content-encoding", "gzip")];
        keep(kept, &ask(full.client().await, (path, method), &packed).await);
    }
    let long = format!(r#"{{"threadId":"{}","runId":"r"}}"#, "x".repeat(100));
    for answer in ask_for_runs(kept, &full, "?format=ag-ui", &long).await {
        assert_eq!(answer.reason(), (413, "too_large".to_owned()));
    }
    for (path, method, _) in operations() {
        if path.ends_with("/events") {
            keep(kept, &ask(full.client().await, (path, method), &[]).await);
        }
    }
    full.end().await;
}

/// The responses during a shutdown, in an application that keeps listening.
async fn ask_a_closing_server(kept: &mut Kept) {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status);
    let shutdown = routes.shutdown_handle();
    let address = listen(routes.router()).await;
    shutdown.close();
    for operation in [("/v1/status", "post"), ("/readyz", "get"), ("/socket/websocket", "get")] {
        keep(kept, &ask(Client::connect(address).await, operation, &[]).await);
    }
    // `EventSource` reconnects after a stream that ends and not after an error; other clients do neither.
    for (format, expected) in
        [("statusbus", 200), ("cloudevents", 200), ("ai-sdk", 503), ("ag-ui", 503)]
    {
        let path = format!("/v1/events?format={format}");
        let answer = Client::connect(address).await.get(&path).await;
        assert_eq!(answer.status, expected, "{format}");
        assert_eq!(answer.header("retry-after").is_some(), expected == 503, "{format}");
        keep(kept, &answer);
    }
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

/// Serves a router with `axum::serve` on a free port.
async fn listen(app: Router) -> SocketAddr {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn every_described_status_occurs_and_no_other() {
    let mut kept = Kept::new();
    ask_a_server(&mut kept).await;
    ask_a_full_server(&mut kept).await;
    ask_a_closing_server(&mut kept).await;
    for denied in [Denied::unauthenticated("who are you?"), Denied::forbidden("not you")] {
        let decide = |routes: Routes| routes.authorize(Nobody(denied));
        let served = serve_with(Status::builder().spawn(), decide, |server| server).await;
        for (path, method, _) in operations() {
            let answer = ask(served.client().await, (path, method), &[]).await;
            assert!([401, 403].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
            keep(&mut kept, &answer);
        }
        served.end().await;
    }
    // These are tested in virtual time: see `api_bodies`.
    let posts = operations().filter(|(_, method, _)| *method == "post");
    kept.extend(posts.map(|(.., id)| (id.to_owned(), 408)));
    let described: Kept = operations()
        .flat_map(|(path, method, id)| {
            let operation = format!("/paths/{}/{method}", escaped(path));
            let responses = OPENAPI.at(&operation)["responses"].as_object().expect("answers");
            responses.keys().map(|status| (id.to_owned(), status.parse().expect("a status")))
        })
        .collect();
    assert_eq!(described.difference(&kept).collect::<Vec<_>>(), Vec::<&(String, u16)>::new());
}

#[tokio::test]
async fn no_other_path_and_no_other_method_is_served() {
    let status = Status::builder().spawn();
    // A router reveals its paths only in its `Debug` output.
    let router = format!("{:?}", Routes::new(&status).router());
    let (_, paths) = router.split_once("paths: {").expect("the paths of a router");
    let (paths, _) = paths.split_once("} }").expect("their end");
    let routed: BTreeSet<&str> = paths.split('"').skip(1).step_by(2).collect();
    let described: BTreeSet<&str> = operations().map(|(path, ..)| path).collect();
    assert_eq!(routed, described);

    let served = serve(status).await;
    for path in described {
        let address = path.replace("{conversation}", "conv-1").replace("{file}", "main.js");
        let client = served.client().await;
        let request = client.request("DELETE", &address);
        let answer = client.answer(request, "").await;
        assert_eq!(answer.reason(), (405, "method".to_owned()), "{path}");
        let allow = answer.header("allow").unwrap_or_default();
        let taken: BTreeSet<_> = allow.split(',').filter(|method| *method != "HEAD").collect();
        let of_path = operations().filter(|(known, ..)| *known == path);
        let of_path: Vec<_> = of_path.map(|(_, method, _)| method.to_uppercase()).collect();
        assert_eq!(taken, of_path.iter().map(String::as_str).collect(), "{path}");
    }
    served.end().await;
}

/// Whether an operation has a parameter.
fn has_parameter(path: &str, method: &str, name: &str) -> bool {
    let item = OPENAPI.at(&format!("/paths/{}", escaped(path)));
    let lists = [&item["parameters"], &item[method]["parameters"]];
    let mut all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.any(|one| reference(one).map_or(one, |place| OPENAPI.at(place))["name"] == name)
}

#[tokio::test]
async fn parameters_have_an_effect_where_described_and_nowhere_else() {
    let served = serve(Status::builder().spawn()).await;
    served.status.system().tool("x");
    served.status.flush().await;
    let id = served.get("/v1/system").await.json()["id"].as_str().expect("an id").to_owned();
    for (path, method, name) in operations() {
        let address = path.replace("{conversation}", "conv-1").replace("{file}", "main.js");
        if method == "get" && path != "/socket/websocket" {
            let answer = served.get(&format!("{address}?categories=gossip")).await;
            let is_read = answer.status == 400;
            assert_eq!(is_read, has_parameter(path, method, "categories"), "{name}");
            let answer = served.get(&format!("{address}?format=gossip")).await;
            let is_read = answer.status == 400;
            assert_eq!(is_read, has_parameter(path, method, "format"), "{name}");
        }
        let is_stream = path.ends_with("/events");
        assert_eq!(is_stream, has_parameter(path, method, "last_event_id"), "{name}");
        assert_eq!(is_stream, has_parameter(path, method, "Last-Event-ID"), "{name}");
        if is_stream {
            served.events_after(&address, &id).await.recovers().await;
            served.events(&format!("{address}?last_event_id={id}")).await.recovers().await;
        }
    }
    served.end().await;
}

#[tokio::test]
async fn streams_and_the_socket_match_the_asyncapi_document() {
    let channels = ASYNCAPI.at("/channels").as_object().expect("channels");
    let addresses: BTreeSet<_> =
        channels.values().map(|channel| channel["address"].as_str().expect("one")).collect();
    let streams =
        operations().filter(|(path, ..)| path.ends_with("/events") || *path == "/socket/websocket");
    assert_eq!(addresses, streams.map(|(path, ..)| path).collect());
    assert!(addresses.iter().all(|address| path_of(address).is_some()));
    for name in ["Update", "Priority", "Position"] {
        let place = format!("/components/schemas/{name}/properties");
        let (one, other) = (OPENAPI.json.pointer(&place), ASYNCAPI.json.pointer(&place));
        assert_eq!(one, other, "{name} is the same in both");
    }
}

#[test]
fn every_reason_of_a_refusal_is_described() {
    let described = &OPENAPI.at("/components/schemas/Refusal/properties/reason")["enum"];
    let refused = RefuseReason::ALL.map(RefuseReason::as_str);
    let dropped = DropReason::ALL.map(DropReason::as_str);
    assert_eq!(*described, json!(refused.iter().chain(&dropped).collect::<Vec<_>>()));
    let ledger = OPENAPI.at("/components/schemas/Ledger/properties");
    for (outcome, reasons) in [("refused", &refused[..]), ("dropped", &dropped[..])] {
        let required = ledger[outcome]["required"].as_array().expect("an array");
        assert_eq!(required[1..], reasons.iter().map(|why| json!(why)).collect::<Vec<_>>());
    }
    let gap = ASYNCAPI.at("/components/schemas/GapReasons/properties").as_object().expect("names");
    let losses: BTreeSet<&str> = dropped.into_iter().chain(["expired", "lagged"]).collect();
    assert_eq!(gap.keys().map(String::as_str).collect::<BTreeSet<_>>(), losses);
}

#[tokio::test]
async fn addresses_limits_and_categories_are_filled_in() {
    let status = Status::builder().with_category("deploy").expect("a name").spawn();
    let routes = Routes::new(&status).with_limits(Limits::new().with_updates(7));
    let address = listen(Router::new().nest("/{tenant}/status", routes.router())).await;
    let get = async |path: &str| Client::connect(address).await.get(path).await;
    let openapi = get("/acme/status/openapi.json").await.json();
    let asyncapi = get("/acme/status/asyncapi.json").await.json();
    assert_eq!(openapi["servers"][0]["url"], "/acme/status");
    assert_eq!(asyncapi["servers"]["ws"]["pathname"], "/acme/status");
    assert_eq!(asyncapi["servers"]["http"]["host"], address.to_string());
    let publication = &openapi["components"]["schemas"]["Publication"];
    assert_eq!(publication["oneOf"][1]["maxItems"], 7);
    let names: Vec<&str> = status.categories().names().collect();
    for document in [openapi, asyncapi] {
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document["components"]["schemas"]["Category"]["enum"], json!(names));
    }
    // Parameters of the application's own path are ignored.
    assert_eq!(get("/acme/status/v1/status/conv-1").await.status, 200);
    assert_eq!(get("/acme/status/page/main.js").await.status, 200);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

#[test]
fn every_example_has_the_form_that_it_is_an_example_of() {
    let mut checked = 0;
    for (path, method, _) in operations() {
        let operation = format!("/paths/{}/{method}", escaped(path));
        let bodies = [format!("{operation}/requestBody"), format!("{operation}/responses/202")];
        for body in &bodies {
            let Some(found) = OPENAPI.json.pointer(body) else { continue };
            let body = reference(found).unwrap_or(body);
            for (kind, media) in OPENAPI.at(body)["content"].as_object().into_iter().flatten() {
                for example in media["examples"].as_object().into_iter().flatten() {
                    let schema = format!("{body}/content/{}/schema", escaped(kind));
                    OPENAPI.check(&schema, &example.1["value"]);
                    checked += 1;
                }
            }
        }
    }
    let parameters = OPENAPI.at("/components/parameters").as_object().expect("parameters");
    for (name, parameter) in parameters {
        let schema = format!("/components/parameters/{name}/schema");
        OPENAPI.check(&schema, &parameter["example"]);
        checked += 1;
    }
    let messages = ASYNCAPI.at("/components/messages").as_object().expect("messages");
    for (name, message) in messages {
        for example in message["examples"].as_array().expect("examples") {
            for part in ["headers", "payload"].iter().filter(|part| example.get(part).is_some()) {
                ASYNCAPI.check(&format!("/components/messages/{name}/{part}"), &example[*part]);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 7 + 7 + 6 + messages.len(), "all of them");
}
