//! A server of thirty lines: it counts the bytes that come in on a TCP port, and says what it does.
//! Every line is delivered by the time it ends.
//!
//! `cargo run -p statusbus-examples --bin server`, then `nc 127.0.0.1 4000`, and Ctrl-C.

use std::time::Duration;

use statusbus_tokio::{Category, Deliver, Event, Selector, Spawn, Status};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let status = Status::builder().spawn();
    let watching = status.subscribe(Selector::Everything).open().deliver(|event| async move {
        if let Event::Batch(batch) = event {
            for update in &batch {
                println!("{}: {}", update.conversation().unwrap_or("system"), update.text());
            }
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4000").await?;
    status.system().engine(format_args!("listening on {}", listener.local_addr()?));
    loop {
        let (mut stream, peer) = tokio::select! {
            connection = listener.accept() => connection?,
            _ = tokio::signal::ctrl_c() => break,
        };
        let conversation = status.conversation(&format!("client-{}", peer.port()))?;
        tokio::spawn(async move {
            let (mut buffer, mut total) = ([0; 4096], 0);
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                total += count;
                conversation
                    .update(Category::PROGRESS, format_args!("{total} bytes"))
                    .key("read")
                    .send();
            }
            conversation.info(format_args!("gone after {total} bytes"));
        });
    }
    let ledger = status.shutdown(Duration::from_secs(1)).await;
    watching.await?;
    println!("{} updates sent, {} delivered", ledger.sent, ledger.delivered);
    Ok(())
}
