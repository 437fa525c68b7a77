//! Access control.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::header::HeaderMap;
use parking_lot::Mutex;
use serde_json::json;
use statusbus_axum::{Access, Bearer, Caller, Denied, Grant, Routes, Target};
use statusbus_tokio::{Spawn, Status};

use crate::support::{Answer, Served, serve, serve_with};

/// The status codes of reads, and of a publish.
const READS: [&str; 6] = [
    "/v1/events",
    "/v1/system/events",
    "/v1/status/conv-1/events",
    "/v1/status/conv-1",
    "/v1/system",
    "/v1/events?last_event_id=0000000000000001-1",
];

async fn ask(served: &Served, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let client = served.client().await;
    let mut request = client.request(method, path);
    for (name, value) in headers {
        // A header replaces the default one of the same name.
        request.headers_mut().expect("valid so far").remove(*name);
        request = request.header(*name, *value);
    }
    let body = match method {
        "POST" => r#"{"conversation":"conv-1","category":"tool","text":"x"}"#,
        _ => "",
    };
    client.answer(request, body).await
}

fn with(authorize: impl statusbus_axum::Authorize) -> impl FnOnce(Routes) -> Routes {
    |routes| routes.authorize(authorize)
}

#[tokio::test]
async fn the_default_policy_allows_loopback_callers_only() {
    let served = serve(Status::builder().spawn()).await;
    let others: [&[(&str, &str)]; 8] = [
        &[("x-forwarded-for", "203.0.113.9")],
        &[("forwarded", "for=203.0.113.9")],
        &[("via", "1.1 proxy")],
        &[("x-real-ip", "203.0.113.9")],
        &[("host", "evil.example")],
        &[("host", "127.0.0.1.evil.example:7077")],
        &[("host", "localhost.evil.example")],
        &[("host", "192.168.1.2:7077")],
    ];
    for headers in others {
        for path in READS.into_iter().chain(["/healthz", "/readyz", "/metrics"]) {
            let answer = ask(&served, "GET", path, headers).await;
            assert_eq!(answer.reason(), (403, "unauthorized".to_owned()), "{path} {headers:?}");
        }
        let answer = ask(&served, "POST", "/v1/status", headers).await;
        assert_eq!(answer.reason(), (403, "unauthorized".to_owned()), "{headers:?}");
    }
    for host in ["localhost", "LOCALHOST:7077", "127.0.0.1", "127.8.8.8:1", "[::1]:7077"] {
        let answer = ask(&served, "GET", "/v1/system", &[("host", host)]).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.text);
    }
    let ledger = served.end().await;
    assert_eq!(ledger.sent, 0, "updates in unread bodies are not counted");
}

#[tokio::test]
async fn the_default_policy_denies_callers_without_an_address() {
    let status = Status::builder().spawn();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let routes = Routes::new(&status).router();
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let answer = crate::support::Client::connect(address).await.get("/v1/system").await;
    assert_eq!(answer.reason(), (403, "unauthorized".to_owned()));
    assert!(answer.text.contains("the caller's address is unknown"), "{}", answer.text);
    server.abort();
}

#[tokio::test]
async fn a_token_grants_its_scope() {
    let bearer = Bearer::new("secret").expect("sendable").with_reader("wall").expect("sendable");
    let served = serve_with(Status::builder().spawn(), with(bearer), |server| server).await;
    let bearers = [
        (&[][..], None),
        (&[("authorization", "Bearer wrong")][..], None),
        (&[("authorization", "Bearer secre")][..], None),
        (&[("authorization", "Basic c2VjcmV0")][..], None),
        (&[("authorization", "Bearer")][..], None),
        (&[("authorization", "bearer wall")][..], Some(403)),
        (&[("authorization", "Bearer secret")][..], Some(202)),
        (&[("authorization", "Bearer secret"), ("host", "status.example")][..], Some(202)),
    ];
    for (headers, publishes) in bearers {
        let read = ask(&served, "GET", "/v1/system", headers).await;
        let published = ask(&served, "POST", "/v1/status", headers).await;
        match publishes {
            None => {
                for answer in [read, published] {
                    assert_eq!(answer.reason(), (401, "unauthenticated".to_owned()), "{headers:?}");
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                }
            }
            Some(202) => assert_eq!((read.status.as_u16(), published.status.as_u16()), (200, 202)),
            Some(status) => {
                assert_eq!(read.status, 200);
                assert_eq!(published.reason(), (status, "unauthorized".to_owned()));
            }
        }
        assert_eq!(ask(&served, "GET", "/healthz", headers).await.status, 200);
    }
    let mut source = served.events("/v1/events?access_token=wall").await;
    source.begins().await;
    let answer = ask(&served, "GET", "/v1/events", &[]).await;
    assert_eq!(answer.status, 401);
    let ledger = served.end().await;
    assert_eq!((ledger.sent, ledger.delivered), (2, 2), "updates in unread bodies are not counted");
}

#[tokio::test]
async fn the_hook_decides_each_request_and_sees_its_target() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let decide = {
        let asked = Arc::clone(&asked);
        move |caller: &Caller, access: Access<'_>| {
            let user = caller.header("x-user");
            asked.lock().push(format!("{access:?} by {}", user.unwrap_or("nobody")));
            match access {
                Access::Publish(Target::Conversation("conv-2")) => {
                    Err(Denied::forbidden("conv-2 is not yours"))
                }
                _ => Ok(Grant::unlimited()),
            }
        }
    };
    let served = serve_with(Status::builder().spawn(), with(decide), |server| server).await;
    for path in READS {
        let client = served.client().await;
        let request = client.request("GET", path).header("x-user", "ann");
        drop(client.send(request, "").await);
    }
    let of =
        |conversation: &str| json!({"conversation": conversation, "category": "tool", "text": "x"});
    let system = json!({"category": "tool", "text": "x"});
    let updates =
        json!([of("conv-1"), of("conv-2"), of("conv-1"), system, of("a:b"), of("conv-2")]);
    let answer = served.publish(updates).await.json();
    assert_eq!(answer["accepted"], 3);
    let refused = answer["refused"].as_array().expect("an array");
    let reported: Vec<_> = refused.iter().map(|each| (&each["index"], &each["reason"])).collect();
    let unauthorized = json!("unauthorized");
    assert_eq!(
        reported,
        [(&json!(1), &unauthorized), (&json!(4), &json!("invalid")), (&json!(5), &unauthorized)]
    );
    assert_eq!(refused[0]["detail"], "conv-2 is not yours");
    assert_eq!(
        *asked.lock(),
        [
            "Read(Everything) by ann",
            "Read(System) by ann",
            "Read(Conversation(\"conv-1\")) by ann",
            "Read(Conversation(\"conv-1\")) by ann",
            "Read(System) by ann",
            "Resume(Everything) by ann",
            "Publish(Everything) by nobody",
            "Publish(Conversation(\"conv-1\")) by nobody",
            "Publish(Conversation(\"conv-2\")) by nobody",
            "Publish(System) by nobody",
        ]
    );
    assert_eq!(served.end().await.refused.unauthorized, 2);
}

#[tokio::test]
async fn a_stream_ends_with_the_permission_and_a_resume_is_decided_anew() {
    let end = Arc::new(Mutex::new(SystemTime::now() + Duration::from_secs(3_600)));
    let decide = {
        let end = Arc::clone(&end);
        move |_: &Caller, access: Access<'_>| match access {
            Access::Resume(_) => Err(Denied::unauthenticated("the permission has expired")),
            _ => Ok(Grant::until(*end.lock())),
        }
    };
    let served = serve_with(Status::builder().spawn(), with(decide), |server| server).await;
    let mut lasting = served.events("/v1/events").await;
    lasting.begins().await;
    *end.lock() = SystemTime::now() - Duration::from_secs(1);
    let mut over = served.events("/v1/events").await;
    over.expect("ready").await;
    assert_eq!(over.next().await, None);
    served.status.info("conv-1", "one");
    assert_eq!(lasting.read(1).await, ["one"]);
    let path = format!("/v1/events?last_event_id={}", lasting.last_id());
    assert_eq!(served.get(&path).await.reason(), (401, "unauthenticated".to_owned()));
    served.end().await;
}

fn cors(headers: &HeaderMap) -> Option<&str> {
    headers.get("access-control-allow-origin")?.to_str().ok()
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_listed() {
    let listed = "https://app.example";
    let open = |routes: Routes| routes.with_origins([listed]).expect("an origin");
    let without = serve(Status::builder().spawn()).await;
    let with = serve_with(Status::builder().spawn(), open, |server| server).await;
    for (served, origin, may) in [
        (&without, listed, false),
        (&without, "null", false),
        (&with, listed, true),
        (&with, "https://APP.example", true),
        (&with, "http://app.example", false),
        (&with, "https://app.example.evil", false),
        (&with, "https://evil.example", false),
        (&with, "null", false),
    ] {
        let published = ask(served, "POST", "/v1/status", &[("origin", origin)]).await;
        if may {
            assert_eq!(published.status, 202, "{origin}");
        } else {
            assert_eq!(published.reason(), (403, "origin".to_owned()), "{origin}");
        }
        let read = ask(served, "GET", "/v1/system", &[("origin", origin)]).await;
        assert_eq!(read.status, 200, "the browser keeps it from the page");
        assert_eq!(cors(&read.headers).is_some(), may && origin == listed, "{origin}");
    }
    let asks = [
        ("origin", listed),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,last-event-id"),
    ];
    let preflight = ask(&with, "OPTIONS", "/v1/status", &asks).await;
    assert_eq!((preflight.status.as_u16(), cors(&preflight.headers)), (200, Some(listed)));
    let preflight = ask(&without, "OPTIONS", "/v1/status", &asks).await;
    assert_eq!(cors(&preflight.headers), None);
    // Pages of the server's own origin.
    let own = format!("http://{}", without.address);
    let published = ask(&without, "POST", "/v1/status", &[("origin", &own)]).await;
    assert_eq!(published.status, 202);
    for nonsense in ["app.example", "https://app.example/", "https://a@app.example", "*", ""] {
        assert!(Routes::new(&with.status).with_origins([nonsense]).is_err(), "{nonsense}");
    }
    with.end().await;
    without.end().await;
}
