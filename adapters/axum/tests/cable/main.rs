//! A peer whose network is down: nothing arrives from it, not even a reset.
//!
//! The network is a link between two network namespaces of Linux, in a user namespace, so that the test
//! needs no root and does not change the machine's network. It needs `ip`, `unshare` and `nsenter`, curl,
//! Node (`NODE` selects another program than `node`) and, once, `npm ci` in `tests/js`:
//!
//! ```sh
//! npm --prefix adapters/axum/tests/js ci
//! cargo test -p statusbus-axum --test cable -- --ignored
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::panic)] // a panic is a test failure, in helpers, too

mod network;

#[path = "../programs/mod.rs"]
mod programs;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use statusbus_axum::{Access, Caller, Denied, Grant, Limits};
use statusbus_tokio::{Spawn, Status};
use tokio::io::{AsyncBufReadExt, BufReader};

use network::{Far, NEAR};
use programs::{Script, Server, SetUp, node};
use support::{Client, within};

/// The idle timeout of the test. The default is 60 s.
const PATIENCE: Duration = Duration::from_secs(2);

/// The interval of updates: an idle connection would be closed for that alone.
const OFTEN: Duration = Duration::from_millis(200);

#[test]
#[ignore = "needs Linux's namespaces, curl, and Node and its packages"]
fn a_peer_whose_network_is_down_is_closed_and_its_permit_returned() {
    network::in_one_of_its_own(
        "a_peer_whose_network_is_down_is_closed_and_its_permit_returned",
        cut,
    );
}

/// A limit of two streams, and a policy that allows everything.
fn server(status: &Status) -> Server {
    Server::set_up(
        status,
        SetUp {
            at: NEAR,
            routes: |routes| {
                let everybody = |_: &Caller, _: Access<'_>| Ok::<_, Denied>(Grant::unlimited());
                routes.authorize(everybody).with_limits(Limits::new().with_streams(2))
            },
            server: |server| server.with_idle_timeout(PATIENCE),
        },
    )
}

/// A sample of `/metrics`.
async fn metric(server: &Server, name: &str) -> u64 {
    let all = Client::connect(server.address).await.get("/metrics").await.text;
    let line = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {all}"))
}

async fn cut() {
    let far = Far::connect().await;
    let server = server(&Status::builder().spawn());
    // Before the first client: the start of Node can take longer than the timeout.
    let status = server.status.clone();
    let updates = tokio::spawn(async move {
        let mut often = tokio::time::interval(OFTEN);
        for number in 0.. {
            often.tick().await;
            status.tool("conv-1", format!("number {number}"));
        }
    });
    let url = format!("{}/v1/events", server.address);
    let mut curl = far.command("curl").args(["-sN", &url]).spawn().expect("nsenter, of util-linux");
    let mut lines = BufReader::new(curl.stdout.take().expect("a pipe")).lines();
    let url = format!("ws://{}/socket", server.address);
    let mut phoenix = Script::start_in(far.command(node()), "phoenix/client.mjs", &[&url]);
    phoenix.command(json!({"do": "connect"})).await;
    let params = json!({"categories": ["tool"]});
    let join = json!({"do": "join", "name": "a", "topic": "status:conv-1", "params": params});
    phoenix.command(join).await;
    phoenix.next("joined").await;

    // Idle clients stay connected for longer than the timeout, because updates are sent to them.
    let well_until = Instant::now() + 3 * PATIENCE;
    while Instant::now() < well_until {
        phoenix.next("status_update").await;
        let is_heard = |line: &str| line.contains("number");
        while !is_heard(&within(lines.next_line()).await.expect("UTF-8").expect("it goes on")) {}
    }
    assert_eq!(metric(&server, "statusbus_http_streams").await, 2);
    let refused = Client::connect(server.address).await.get("/v1/events").await;
    assert_eq!(refused.reason(), (503, "crowded".to_owned()));
    let failed = metric(&server, "statusbus_http_connections_failed_total").await;

    far.cut().await;
    let cut = Instant::now();
    while metric(&server, "statusbus_http_streams").await > 0 {
        assert!(cut.elapsed() < 10 * PATIENCE, "it is not noticed");
    }
    updates.abort();
    let gone = "statusbus_phoenix_sockets_ended_total{reason=\"gone\"}";
    assert_eq!((metric(&server, gone).await, server.status.readers()), (1, 0));
    assert!(metric(&server, "statusbus_http_connections_failed_total").await > failed, "counted");
    let mut source = Client::connect(server.address).await.events("/v1/events", None).await;
    source.expect("ready").await;
    drop(source);
    server.assert_balanced().await;
}
