//! Serving the dashboard and its stats. The dashboard itself is tested in a browser, by `tests/js`.

use std::time::Duration;

use statusbus_axum::{Access, Caller, Denied, Grant};
use statusbus_tokio::{Category, Config, Leading, Spawn, Status};

use crate::support::{Served, serve, serve_with};

#[tokio::test]
async fn the_dashboard_may_load_from_this_server_only() {
    let served = serve(Status::builder().spawn()).await;
    for path in ["/", "/page/main.js", "/page/base.css", "/page/favicon.svg"] {
        let answer = served.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap_or_default().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        for open in ["unsafe", "http:", "*"] {
            assert!(!policy.contains(open), "{policy}");
        }
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    let types =
        [("/", "text/html"), ("/page/main.js", "text/javascript"), ("/page/base.css", "text/css")];
    for (path, kind) in types {
        let reported = served.get(path).await.header("content-type").map(str::to_owned);
        assert!(
            reported.as_deref().is_some_and(|reported| reported.starts_with(kind)),
            "{path}: {reported:?}"
        );
    }
    served.end().await;
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let served = serve(Status::builder().spawn()).await;
    let tag = served.get("/page/main.js").await.header("etag").unwrap_or_default().to_owned();
    let other = served.get("/page/wire.js").await.header("etag").unwrap_or_default().to_owned();
    assert!(tag.len() > 2 && tag != other, "{tag} {other}");
    for (known, status) in [
        (tag.clone(), 304),
        (format!("{other}, W/{tag}"), 304),
        (other, 200),
        ("\"\"".to_owned(), 200),
        ("\u{fe}".to_owned(), 200),
    ] {
        let client = served.client().await;
        let request = client.request("GET", "/page/main.js").header("if-none-match", &known);
        let answer = client.answer(request, "").await;
        assert_eq!(answer.status, status, "{known}");
        assert_eq!(answer.text.is_empty(), status == 304, "{known}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
    served.end().await;
}

#[tokio::test]
async fn other_files_are_unknown() {
    let served = serve(Status::builder().spawn()).await;
    for path in ["/page/", "/page/none.js", "/page/..%2fCargo.toml", "/page/package.json"] {
        assert_eq!(served.get(path).await.status, 404, "{path}");
    }
    let (status, reason) = served.get("/page/none.js").await.reason();
    assert_eq!((status, reason.as_str()), (404, "not_found"));
    served.end().await;
}

/// The stats as JSON.
async fn figures(served: &Served) -> serde_json::Value {
    let answer = served.get("/v1/health").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

#[tokio::test]
async fn the_stats_match_the_bus() {
    let config = Config::new().with_queue_limit(50).expect("a limit");
    let builder = Status::builder()
        .with_config(config)
        .with_epoch(0xab)
        .with_category("deploy")
        .expect("a name");
    let served = serve(builder.spawn()).await;
    let reader = served.events("/v1/events").await;
    for n in 0..5 {
        served.status.update("conv-1", Category::PROGRESS, format!("{n}")).key("k").send();
    }
    served.status.tool("a:b", "no name");
    served.status.flush().await;
    let reported = figures(&served).await;
    assert_eq!(reported["epoch"], "00000000000000ab");
    assert_eq!(reported["ledger"]["sent"], 6);
    assert_eq!(reported["ledger"]["refused"]["invalid"], 1);
    assert_eq!(reported["queue"]["limit"], 50);
    assert_eq!(reported["queue"]["queued"], 0);
    assert_eq!((&reported["readers"], &reported["conversations"]), (&1.into(), &1.into()));
    let categories = reported["categories"].as_array().map(Vec::len);
    assert_eq!((categories, &reported["categories"][7]), (Some(8), &"deploy".into()));
    assert!(reported["now_ms"].as_u64().is_some_and(|now| now > 1_600_000_000_000), "{reported}");
    drop(reader);
    served.end().await;
}

#[tokio::test]
async fn every_caller_gets_the_same_peak_of_the_queue() {
    // The flush interval is an hour, so the duration of the requests does not matter.
    let patient = Config::new().with_flush_interval(Duration::from_secs(3_600)).expect("valid");
    let served =
        serve(Status::builder().with_config(patient.with_leading(Leading::Delayed)).spawn()).await;
    for n in 0..3 {
        served.status.tool("conv-1", n.to_string());
    }
    for _ in 0..2 {
        let queue = figures(&served).await["queue"].take();
        assert_eq!((&queue["queued"], &queue["peak"]), (&3.into(), &3.into()));
        assert!(queue["oldest_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{queue}");
    }
    served.end().await;
}

#[tokio::test]
async fn stats_need_the_permission_to_observe() {
    let decide = |caller: &Caller, access: Access<'_>| match (access, caller.token().as_deref()) {
        (Access::Observe, Some("secret")) => Ok(Grant::unlimited()),
        _ => Err(Denied::unauthenticated("bring the token of this server")),
    };
    let status = Status::builder().spawn();
    let served = serve_with(status, |routes| routes.authorize(decide), |server| server).await;
    assert_eq!(
        served.get("/").await.status,
        200,
        "the dashboard reveals nothing: it asks for the token"
    );
    assert_eq!(served.get("/v1/health").await.reason(), (401, "unauthenticated".to_owned()));
    let client = served.client().await;
    let request = client.request("GET", "/v1/health").header("authorization", "Bearer secret");
    assert_eq!(client.answer(request, "").await.status, 200);
    served.end().await;
}
