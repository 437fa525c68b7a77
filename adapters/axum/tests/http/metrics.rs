//! Metrics.

use std::collections::HashMap;

use statusbus_tokio::{Config, Overflow, Spawn, Status};

use crate::support::{Served, serve};

/// Each sample by its name and labels. Also checks the format: each metric has a type and a help text,
/// and no sample is repeated.
async fn metrics(served: &Served) -> HashMap<String, f64> {
    let answer = served.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let (mut typed, mut samples) = (Vec::new(), HashMap::new());
    for line in answer.text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, about) = help.split_once(' ').expect("an explanation");
            assert!(about.ends_with('.'), "{line}");
            typed.push(name.to_owned());
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of.split_once(' ').expect("a type");
            assert_eq!(typed.last().map(String::as_str), Some(name));
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let name = sample.split('{').next().expect("a name");
            assert!(typed.last().is_some_and(|known| name.starts_with(known)), "{line}");
            let before = samples.insert(sample.to_owned(), value.parse().expect("a number"));
            assert_eq!(before, None, "{line}");
        }
    }
    samples
}

#[tokio::test]
async fn the_metrics_match_the_ledger_and_contain_no_conversation_names() {
    let config = Config::new().with_queue_limit(2).expect("valid").with_overflow(Overflow::Reject);
    let (status, runner) = Status::builder().with_config(config).build();
    let served = serve(status).await;
    for number in 0..3 {
        served.status.tool("conv-secret", number.to_string());
    }
    let before = metrics(&served).await;
    assert_eq!(before["statusbus_queue_depth"], 2.0);
    assert_eq!(before["statusbus_queue_limit"], 2.0);
    tokio::spawn(runner.run());
    let mut sources = Vec::new();
    for _ in 0..3 {
        let mut source = served.events("/v1/events").await;
        source.expect("ready").await;
        sources.push(source);
    }
    served.status.flush().await;
    served.status.tool("conv-secret", "read by three");
    for source in &mut sources {
        while !source.read(1).await.contains(&"read by three".to_owned()) {}
    }
    served.get("/v1/status/a:b").await;
    let after = metrics(&served).await;
    for (sample, value) in [
        ("statusbus_sent_total", 4.0),
        ("statusbus_delivered_total", 3.0),
        ("statusbus_refused_total{reason=\"full\"}", 1.0),
        ("statusbus_dropped_total{reason=\"evicted\"}", 0.0),
        ("statusbus_queue_depth", 0.0),
        ("statusbus_readers", 3.0),
        ("statusbus_unread", 0.0),
        ("statusbus_conversations", 1.0),
        ("statusbus_http_streams", 3.0),
        ("statusbus_http_streams_opened_total", 3.0),
        ("statusbus_http_streams_refused_total", 0.0),
        ("statusbus_http_answers_total{status=\"400\"}", 1.0),
        ("statusbus_http_connections_refused_total", 0.0),
    ] {
        assert_eq!(after[sample], value, "{sample}");
    }
    assert!(after["statusbus_http_connections"] >= 4.0, "three streams and this request");
    assert!(after["statusbus_http_frames_shared_total"] >= 2.0, "encoded once for three");
    let written = after["statusbus_http_delivery_seconds_count"];
    assert_eq!(after["statusbus_http_delivery_seconds_bucket{le=\"+Inf\"}"], written);
    assert!(written >= 1.0);
    assert!(after.keys().all(|sample| !sample.contains("secret")));
    drop(sources);
    served.end().await;
}
