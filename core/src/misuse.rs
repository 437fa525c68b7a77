//! What must not compile, each beside the same thing done right: so it fails for the reason it is
//! meant to. Only documentation tests see this file.

/// What all of them begin with.
macro_rules! given {
    () => {
        "use statusbus_core::*;
struct Said;
impl Update for Said {
    type Topic = ();
    type Keys = Unkeyed;
    fn topic(&self) {}
    fn category(&self) -> Category { Category::INFO }
}
type Small = Bus<Said, [Slot<Said>; 1]>;
type Buffer = Batch<Said, [Item<Said>; 1]>;
const NOW: Instant = Instant::ZERO;"
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
    // A batch without room: it would never hand anything on.
    a_batch_of_size_zero {
        right: "
            let _: Buffer = Batch::new();",
        wrong: "
            let _: Batch<Said, [Item<Said>; 0]> = Batch::new();"
    }
    // A batch of more than 65,534 updates.
    a_batch_that_is_too_large {
        right: "
            const _: Batch<Said, [Item<Said>; 65_534]> = Batch::new();",
        wrong: "
            const _: Batch<Said, [Item<Said>; 65_535]> = Batch::new();"
    }
    // A bus without slots: it would drop everything.
    a_bus_without_slots {
        right: "
            let _: Small = Bus::new();",
        wrong: "
            let _: Bus<Said, [Slot<Said>; 0]> = Bus::new();"
    }
    // A bus with more slots than can be numbered.
    a_bus_with_too_many_slots {
        right: "
            static BUS: std::sync::Mutex<Bus<Said, [Slot<Said>; 65_534]>> = std::sync::Mutex::new(Bus::new());
            let _ = &BUS;",
        wrong: "
            static BUS: std::sync::Mutex<Bus<Said, [Slot<Said>; 65_535]>> = std::sync::Mutex::new(Bus::new());
            let _ = &BUS;"
    }
    // A bus without categories: it would refuse everything.
    no_categories {
        right: "
            let _: Bus<Said, [Slot<Said>; 1], (), 1> = Bus::new();",
        wrong: "
            let _: Bus<Said, [Slot<Said>; 1], (), 0> = Bus::new();"
    }
    // More categories than a set of them can hold, also in slots that the caller brings.
    too_many_categories {
        right: "
            let _: Bus<Said, [Slot<Said>; 1], (), 32> = Bus::with_slots([Slot::VACANT], Config::new(), ());",
        wrong: "
            let _: Bus<Said, [Slot<Said>; 1], (), 33> = Bus::with_slots([Slot::VACANT], Config::new(), ());"
    }
    // Using an update after it was pushed: it is the bus's, or was handed back.
    an_update_after_it_was_pushed {
        right: "
            let mut bus: Small = Bus::new();
            let update = Said;
            let _ = update.topic();
            let _ = bus.push(update, NOW);",
        wrong: "
            let mut bus: Small = Bus::new();
            let update = Said;
            let _ = bus.push(update, NOW);
            let _ = update.topic();"
    }
    // Overlooking what push hands back.
    what_push_hands_back {
        right: "
            #[deny(unused_must_use)]
            fn of() {
                let mut bus: Small = Bus::new();
                let _ = bus.push(Said, NOW);
            }",
        wrong: "
            #[deny(unused_must_use)]
            fn of() {
                let mut bus: Small = Bus::new();
                bus.push(Said, NOW);
            }"
    }
    // Polling and overlooking that there is a batch.
    a_batch_that_is_handed_on {
        right: "
            #[deny(unused_must_use)]
            fn of() {
                let mut bus: Small = Bus::new();
                let mut batch: Buffer = Batch::new();
                let _due = bus.poll(&mut batch, NOW);
            }",
        wrong: "
            #[deny(unused_must_use)]
            fn of() {
                let mut bus: Small = Bus::new();
                let mut batch: Buffer = Batch::new();
                bus.poll(&mut batch, NOW);
            }"
    }
    // Settling a batch, which empties it, while it is read.
    settling_while_reading {
        right: "
            let mut bus: Small = Bus::new();
            let mut batch: Buffer = Batch::new();
            let updates = batch.iter();
            drop(updates);
            bus.delivered(&mut batch, NOW);",
        wrong: "
            let mut bus: Small = Bus::new();
            let mut batch: Buffer = Batch::new();
            let updates = batch.iter();
            bus.delivered(&mut batch, NOW);
            drop(updates);"
    }
    // A batch whose table of gaps is not that of the bus.
    a_batch_with_another_gap_table {
        right: "
            let mut bus: Bus<Said, [Slot<Said>; 1], (), 7, 2> = Bus::new();
            let mut batch: Batch<Said, [Item<Said>; 1], 2> = Batch::new();
            let _ = bus.poll(&mut batch, NOW);",
        wrong: "
            let mut bus: Bus<Said, [Slot<Said>; 1], (), 7, 2> = Bus::new();
            let mut batch: Batch<Said, [Item<Said>; 1], 3> = Batch::new();
            let _ = bus.poll(&mut batch, NOW);"
    }
    // A configuration whose error was not looked at.
    a_configuration_that_was_not_checked {
        right: "
            let config: Config = Config::new().batch_size(5).unwrap();
            let _: Small = Bus::with_slots([Slot::VACANT], config, ());",
        wrong: "
            let config = Config::new().batch_size(5);
            let _: Small = Bus::with_slots([Slot::VACANT], config, ());"
    }
    // A configuration that no setter has checked.
    a_configuration_by_its_fields {
        right: "
            let _ = Config::new();",
        wrong: "
            let _ = Config { batch_size: 0, ..Config::new() };"
    }
    // A way to keep keys that the core does not know.
    a_key_mode_of_ones_own {
        right: "
            fn mode<K: KeyMode>() {}
            mode::<Keyed>();",
        wrong: "
            fn mode<K: KeyMode>() {}
            struct Mine;
            mode::<Mine>();"
    }
    // A flush mark that no flush has given.
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
