//! `Debug` and `defmt::Format` of what is shown in part or by its name only; other types derive them.

use core::fmt::{self, Debug};

use embassy_sync::blocking_mutex::raw::RawMutex;

use crate::key::{Keying, Ranking};
use crate::{
    AnyHub, AnyMessage, Hub, Message, Outgoing, Report, Runner, Status, StatusBus, Subscription,
    TextWriter, Topic, UpdateBuilder,
};

/// Shows the type by its name, and some of it by calls.
macro_rules! format {
    ($([$($generics:tt)*] $type:ty, $name:literal $(, $field:ident)*;)*) => {$(
        impl<$($generics)*> Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name)$(.field(stringify!($field), &self.$field()))*.finish_non_exhaustive()
            }
        }

        #[cfg(feature = "defmt")]
        impl<$($generics)*> defmt::Format for $type {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::write!(f, $name);
                $(defmt::write!(f, " {}", self.$field());)*
            }
        }
    )*};
}

format! {
    [const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking]
        Message<TEXT, NAME, META, K, R>, "Message", subject, category, text;
    [const NAME: usize] Topic<NAME>, "Topic", subject, category;
    [M: RawMutex, U: AnyMessage, const SLOTS: usize, T: Report, const C: usize, const GAPS: usize]
        Status<M, U, SLOTS, T, C, GAPS>, "Status", ledger;
    [B: StatusBus, X] UpdateBuilder<'_, B, X>, "UpdateBuilder";
    [B: StatusBus] Runner<'_, B>, "Runner";
    [B: StatusBus] Outgoing<'_, '_, B>, "Outgoing", reason;
    [M: RawMutex, U: AnyMessage, const RING: usize, const READERS: usize]
        Hub<M, U, RING, READERS>, "Hub", missed;
    [H: AnyHub] Subscription<'_, H>, "Subscription", unread;
    [] TextWriter<'_>, "TextWriter";
}

#[cfg(feature = "wire")]
format! {
    [W, const FRAME: usize, R] crate::Frames<W, FRAME, R>, "Frames";
}
