//! Uses that must not compile, each beside its correct form, so that it fails for the intended reason. Only
//! doctests compile this file.

/// What all of them begin with.
macro_rules! given {
    () => {
        "use statusbus_core::*;
struct Message;
impl Update for Message {
    type Topic = ();
    type Keys = Unkeyed;
    const EMPTY: Self = Message;
    fn topic(&self) {}
}
type Small = Bus<Message, [Slot<Message>; 1]>;
type Buffer = Batch<Message, [Item<Message>; 1]>;
const NOW: Instant = Instant::ZERO;
const INFO: SendOptions = SendOptions::new(Category::INFO);"
    };
}

macro_rules! misuse {
    ($($name:ident { right: $right:literal, wrong: $wrong:literal })*) => {$(
        #[doc = concat!("```\n", given!(), $right, "\n```")]
        #[doc = concat!("```compile_fail\n", given!(), $wrong, "\n```")]
        mod $name {}
    )*};
}

misuse! {
    // A batch without room: nothing would ever leave in it.
    a_batch_of_size_zero {
        right: "
            let _: Buffer = Batch::new();",
        wrong: "
            let _: Batch<Message, [Item<Message>; 0]> = Batch::new();"
    }
    // A batch of more than 65,534 updates.
    a_batch_that_is_too_large {
        right: "
            const _: Batch<Message, [Item<Message>; 65_534]> = Batch::new();",
        wrong: "
            const _: Batch<Message, [Item<Message>; 65_535]> = Batch::new();"
    }
    // A bus without slots: it would drop everything.
    a_bus_without_slots {
        right: "
            let _: Small = Bus::new();",
        wrong: "
            let _: Bus<Message, [Slot<Message>; 0]> = Bus::new();"
    }
    // A bus with more slots than can be numbered.
    a_bus_with_too_many_slots {
        right: "
            static BUS: std::sync::Mutex<Bus<Message, [Slot<Message>; 65_534]>> = std::sync::Mutex::new(Bus::new());
            let _ = &BUS;",
        wrong: "
            static BUS: std::sync::Mutex<Bus<Message, [Slot<Message>; 65_535]>> = std::sync::Mutex::new(Bus::new());
            let _ = &BUS;"
    }
    // A bus without categories: it would refuse everything.
    no_categories {
        right: "
            let _: Bus<Message, [Slot<Message>; 1], (), 1> = Bus::new();",
        wrong: "
            let _: Bus<Message, [Slot<Message>; 1], (), 0> = Bus::new();"
    }
    // More categories than a set of them can hold, also in slots that the caller brings.
    too_many_categories {
        right: "
            let _: Bus<Message, [Slot<Message>; 1], (), 32> = Bus::with_slots([Slot::VACANT], Config::new(), ());",
        wrong: "
            let _: Bus<Message, [Slot<Message>; 1], (), 33> = Bus::with_slots([Slot::VACANT], Config::new(), ());"
    }
    // Pushing an update through a shared reference.
    an_update_that_is_only_borrowed {
        right: "
            let mut bus: Small = Bus::new();
            let mut update = Message;
            let _ = bus.push(&mut update, INFO, || NOW);",
        wrong: "
            let mut bus: Small = Bus::new();
            let update = Message;
            let _ = bus.push(&update, INFO, || NOW);"
    }
    // Polling and overlooking that there is a batch.
    a_batch_that_is_not_passed_on {
        right: "
            #[deny(unused_must_use)]
            fn of() {
                let mut bus: Small = Bus::new();
                let mut batch: Buffer = Batch::new();
                let _polled = bus.poll(&mut batch, NOW);
            }",
        wrong: "
            #[deny(unused_must_use)]
            fn of() {
                let mut bus: Small = Bus::new();
                let mut batch: Buffer = Batch::new();
                bus.poll(&mut batch, NOW);
            }"
    }
    // Taking a receipt and leaving the batch in flight.
    a_receipt_that_is_not_settled {
        right: "
            #[deny(unused_must_use)]
            fn of() {
                let mut batch: Buffer = Batch::new();
                let _receipt = batch.take_receipt();
            }",
        wrong: "
            #[deny(unused_must_use)]
            fn of() {
                let mut batch: Buffer = Batch::new();
                batch.take_receipt();
            }"
    }
    // Settling by one receipt twice.
    a_receipt_that_is_settled_twice {
        right: "
            let mut bus: Small = Bus::new();
            let mut batch: Buffer = Batch::new();
            let receipt = batch.take_receipt();
            bus.settle_receipt(receipt, Accepted::All, NOW);",
        wrong: "
            let mut bus: Small = Bus::new();
            let mut batch: Buffer = Batch::new();
            let receipt = batch.take_receipt();
            bus.settle_receipt(receipt, Accepted::All, NOW);
            bus.settle_receipt(receipt, Accepted::All, NOW);"
    }
    // Changing the bus while its gap is read.
    a_gap_that_is_settled_while_it_is_read {
        right: "
            let mut bus: Small = Bus::new();
            let mut batch: Buffer = Batch::new();
            let gap = bus.gap(&batch).map(|gap| gap.seq());
            bus.settle(&mut batch, Accepted::All, NOW);
            let _ = gap;",
        wrong: "
            let mut bus: Small = Bus::new();
            let mut batch: Buffer = Batch::new();
            let gap = bus.gap(&batch);
            bus.settle(&mut batch, Accepted::All, NOW);
            let _ = gap.map(|gap| gap.seq());"
    }
    // Settling a batch, which empties it, while it is read.
    settling_while_reading {
        right: "
            let mut bus: Small = Bus::new();
            let mut batch: Buffer = Batch::new();
            let updates = batch.iter();
            drop(updates);
            bus.settle(&mut batch, Accepted::All, NOW);",
        wrong: "
            let mut bus: Small = Bus::new();
            let mut batch: Buffer = Batch::new();
            let updates = batch.iter();
            bus.settle(&mut batch, Accepted::All, NOW);
            drop(updates);"
    }
    // Using a configuration without handling its error.
    a_configuration_that_was_not_checked {
        right: "
            let config: Config = Config::new().with_batch_size(5).unwrap();
            let _: Small = Bus::with_slots([Slot::VACANT], config, ());",
        wrong: "
            let config = Config::new().with_batch_size(5);
            let _: Small = Bus::with_slots([Slot::VACANT], config, ());"
    }
    // A configuration that no setter has checked.
    a_configuration_by_its_fields {
        right: "
            let _ = Config::new();",
        wrong: "
            let _ = Config { batch_size: 0, ..Config::new() };"
    }
    // A key mode defined outside of the core.
    a_key_mode_of_ones_own {
        right: "
            fn mode<K: KeyMode>() {}
            mode::<Keyed>();",
        wrong: "
            fn mode<K: KeyMode>() {}
            struct Mine;
            mode::<Mine>();"
    }
    // A flush mark that no flush has returned.
    a_flush_mark_out_of_thin_air {
        right: "
            let mut bus: Small = Bus::new();
            let mark: FlushMark = bus.flush(NOW);
            let _ = bus.is_flushed(mark);",
        wrong: "
            let mut bus: Small = Bus::new();
            let mark = FlushMark(7);
            let _ = bus.is_flushed(mark);"
    }
}
