//! Shutting down with open connections.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use statusbus_axum::{Routes, ShutdownHandle};
use statusbus_tokio::{Spawn, Status};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Client, Frame, serve, within};

/// Serves in an application that keeps listening.
async fn nested(status: &Status) -> (SocketAddr, ShutdownHandle) {
    let routes = Routes::new(status);
    let shutdown = routes.shutdown_handle();
    let app = Router::new().nest("/status", routes.router());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, shutdown)
}

#[tokio::test]
async fn during_a_shutdown_the_server_is_live_not_ready_and_asks_clients_to_reconnect() {
    let status = Status::builder().spawn();
    let (address, shutdown) = nested(&status).await;
    let get = async |path: &str| Client::connect(address).await.get(path).await;
    assert_eq!(get("/status/healthz").await.text, "ok\n");
    assert_eq!(get("/status/readyz").await.text, "ready\n");
    let mut source = Client::connect(address).await.events("/status/v1/events", None).await;
    source.begins().await;
    shutdown.close();
    assert_eq!(get("/status/healthz").await.text, "ok\n");
    let ready = get("/status/readyz").await;
    assert_eq!(ready.reason(), (503, "closing".to_owned()));
    assert_eq!(ready.header("retry-after"), Some("1"));
    let client = Client::connect(address).await;
    let sent = client.request("POST", "/status/v1/status");
    assert_eq!(client.answer(sent, "{}").await.reason(), (503, "closing".to_owned()));
    assert!(matches!(source.next_frame().await, Some(Frame::Retry(500..3_000))));
    assert_eq!(source.next_frame().await, None);
    // A browser does not reconnect after an error response.
    let mut late = Client::connect(address).await.events("/status/v1/events", None).await;
    assert!(matches!(late.next_frame().await, Some(Frame::Retry(500..3_000))));
    assert_eq!(late.next_frame().await, None);
    let mut late =
        Client::connect(address).await.events("/status/v1/events?format=cloudevents", None).await;
    assert!(matches!(late.next_frame().await, Some(Frame::Retry(500..3_000))));
    assert_eq!(late.next_frame().await, None);
    // Clients that do not reconnect automatically get an error response.
    for format in ["ai-sdk", "ag-ui"] {
        let late = get(&format!("/status/v1/events?format={format}")).await;
        assert_eq!(late.reason(), (503, "closing".to_owned()), "{format}");
        assert_eq!(late.header("retry-after"), Some("1"));
    }
    assert_eq!(status.readers(), 0);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

/// A reader that does not read, with more unread data than the buffers hold.
async fn stuck(address: SocketAddr, status: &Status) -> TcpStream {
    let reader = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET /v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    reader.writable().await.expect("it can be written to");
    assert_eq!(reader.try_write(request.as_bytes()).expect("room"), request.len());
    while status.readers() == 0 {
        tokio::task::yield_now().await;
    }
    let text = "x".repeat(16 * 1024);
    while status.unread() < 1_000 {
        for _ in 0..100 {
            status.info("conv-1", text.as_str());
        }
        status.flush().await;
    }
    reader
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_within_its_deadline_with_stuck_readers() {
    for round in 0..3 {
        let served = serve(Status::builder().spawn()).await;
        let _stuck = stuck(served.address, &served.status).await;
        let _silent = TcpStream::connect(served.address).await.expect("it listens");
        let mut half = TcpStream::connect(served.address).await.expect("it listens");
        let half_sent = half.try_write(b"GET /v1/events HTTP/1.1\r\nho").expect("room");
        assert!(half_sent > 10);
        let mut good = served.events("/v1/system/events").await;
        good.begins().await;
        served.status.system().info("the last");
        let (began, deadline) = (Instant::now(), Duration::from_secs(2));
        let ledger = served.shutdown(deadline).await;
        let took = began.elapsed();
        assert!(took < deadline + Duration::from_millis(300), "round {round}: {took:?}");
        assert_eq!(ledger.queued + ledger.in_flight, 0);
        assert_eq!(good.read(1).await, ["the last"]);
        assert!(good.rest().await.is_empty());
        let mut rest = Vec::new();
        let cut_off = within(half.read_to_end(&mut rest)).await;
        assert!(cut_off.is_err() || rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"));
    }
}

#[tokio::test]
async fn a_shutdown_without_stuck_readers_is_immediate() {
    let served = serve(Status::builder().spawn()).await;
    let mut sources = Vec::new();
    for _ in 0..50 {
        let mut source = served.events("/v1/events").await;
        source.begins().await;
        sources.push(source);
    }
    let idle = TcpStream::connect(served.address).await.expect("it listens");
    let began = Instant::now();
    served.shutdown(Duration::from_secs(60)).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    for mut source in sources {
        assert!(source.rest().await.is_empty());
    }
    drop(idle);
}
