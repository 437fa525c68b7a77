//! The way of an update through the adapter.

use std::time::Duration;

use statusbus_tokio::{Event, Selector, Status, Subscription};

async fn texts(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        match subscription.next().await {
            Some(Event::Batch(batch)) => {
                texts.extend(batch.iter().map(|update| update.text().to_owned()));
            }
            other => panic!("a batch was expected: {other:?}"),
        }
    }
    texts
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_arrives_in_order() {
    let status = Status::builder().spawn();
    let mut conversation =
        status.subscribe(Selector::conversation("conv-1")).open().expect("a name");
    let mut everything = status.subscribe(Selector::Everything).open().expect("a name");
    for n in 0..250 {
        status.tool("conv-1", format!("a{n}"));
        status.info("conv-2", format!("b{n}"));
    }
    let expected: Vec<_> = (0..250).map(|n| format!("a{n}")).collect();
    assert_eq!(texts(&mut conversation, 250).await, expected);
    let both: Vec<_> = (0..250).flat_map(|n| [format!("a{n}"), format!("b{n}")]).collect();
    assert_eq!(texts(&mut everything, 500).await, both);
    drop((conversation, everything));
    let ledger = status.shutdown(Duration::from_secs(1)).await;
    assert!(ledger.is_balanced());
    assert_eq!(ledger.delivered, 500);
}
