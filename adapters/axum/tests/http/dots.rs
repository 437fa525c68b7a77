//! Dot segments of URLs: they are invalid as names of conversations.

use serde_json::json;
use statusbus_tokio::{Spawn, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Served, serve, within};

/// The status and the body of the response to a raw request target.
async fn raw(served: &Served, target: &str) -> (String, String) {
    let mut stream = within(TcpStream::connect(served.address)).await.expect("it listens");
    let host = served.address;
    let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("room");
    let (mut answer, mut piece) = (Vec::new(), [0; 1_024]);
    // A stream does not end, so reading stops after its beginning.
    while !String::from_utf8_lossy(&answer).contains("}\n") && answer.len() < 1_024 {
        match within(stream.read(&mut piece)).await.expect("an answer") {
            0 => break,
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned())
}

#[tokio::test]
async fn dot_segments_are_invalid_names_and_lead_nowhere_else() {
    let served = serve(Status::builder().spawn()).await;
    served.status.tool("conv-1", "a secret of somebody else");
    served.status.flush().await;
    for name in ["..", ".", "%2e%2e", "%2E%2e", ".%2e", "%2e"] {
        for target in [format!("/v1/status/{name}/events"), format!("/v1/status/{name}")] {
            let (status, body) = raw(&served, &target).await;
            assert!(!body.contains("secret"), "{target}: {body}");
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            assert_eq!(
                (&*status, &problem["reason"]),
                ("400", &json!("invalid")),
                "{target}: {body}"
            );
        }
    }
    // Names may contain dots.
    for name in ["...", ".a", "a..b"] {
        let (status, body) = raw(&served, &format!("/v1/status/{name}")).await;
        assert_eq!(status, "200", "{name}: {body}");
    }
    for name in [".", ".."] {
        let update = json!({"conversation": name, "category": "tool", "text": "x"});
        let answer = served.publish(update).await.json();
        assert_eq!(
            (&answer["accepted"], &answer["refused"][0]["reason"]),
            (&json!(0), &json!("invalid"))
        );
    }
    served.end().await;
}
