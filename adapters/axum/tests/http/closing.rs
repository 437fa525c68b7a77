//! Ending with connections open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use statusbus_axum::{Closing, Routes};
use statusbus_tokio::Status;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Client, Frame, serve, within};

/// In an application of somebody else's, which goes on listening.
async fn nested(status: &Status) -> (SocketAddr, Closing) {
    let routes = Routes::new(status);
    let closing = routes.closing();
    let app = Router::new().nest("/status", routes.router());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, closing)
}

#[tokio::test]
async fn while_it_closes_it_lives_is_not_ready_and_tells_everybody_to_come_back() {
    let status = Status::builder().spawn();
    let (address, closing) = nested(&status).await;
    let get = async |path: &str| Client::connect(address).await.get(path).await;
    assert_eq!(get("/status/healthz").await.text, "ok\n");
    assert_eq!(get("/status/readyz").await.text, "ready\n");
    let mut source = Client::connect(address).await.events("/status/v1/events", None).await;
    source.begins().await;
    closing.close();
    assert_eq!(get("/status/healthz").await.text, "ok\n");
    let ready = get("/status/readyz").await;
    assert_eq!(ready.reason(), (503, "closing".to_owned()));
    assert_eq!(ready.header("retry-after"), Some("1"));
    let client = Client::connect(address).await;
    let said = client.request("POST", "/status/v1/status");
    assert_eq!(client.answer(said, "{}").await.reason(), (503, "closing".to_owned()));
    assert!(matches!(source.next_frame().await, Some(Frame::Retry(500..3_000))));
    assert_eq!(source.next_frame().await, None);
    // A browser that gets an error for an answer would not come back.
    let mut late = Client::connect(address).await.events("/status/v1/events", None).await;
    assert!(matches!(late.next_frame().await, Some(Frame::Retry(500..3_000))));
    assert_eq!(late.next_frame().await, None);
    let mut late =
        Client::connect(address).await.events("/status/v1/events?format=cloudevents", None).await;
    assert!(matches!(late.next_frame().await, Some(Frame::Retry(500..3_000))));
    assert_eq!(late.next_frame().await, None);
    // Those who do not come back by themselves are told so by an answer that is an error.
    for format in ["ai-sdk", "ag-ui"] {
        let late = get(&format!("/status/v1/events?format={format}")).await;
        assert_eq!(late.reason(), (503, "closing".to_owned()), "{format}");
        assert_eq!(late.header("retry-after"), Some("1"));
    }
    assert_eq!(status.readers(), 0);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}

/// One that reads nothing, with so much before it that it does not fit on the way to it.
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
async fn a_shutdown_ends_within_its_deadline_whoever_reads_or_not() {
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
async fn without_anybody_who_is_stuck_a_shutdown_takes_no_time() {
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
