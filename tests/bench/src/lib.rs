//! What statusbus costs, side by side with its peers, on the same work.
//!
//! - [`cell`]: the work: how many subscribers, how many topics, in which order
//! - [`peer`]: what a contender has to do ([`Peer`](peer::Peer)), and how delivery is checked
//! - [`peers`]: the rivals; [`ours`]: statusbus-tokio
//! - [`drive`]: runs a contender for one figure: instructions, rate, memory, latency, …
//! - [`push`]: the bare push into a queue, below any bus
//! - [`worst`]: the slowest of many sends; [`growth`]: figures for growing numbers
//! - [`results`], [`plot`], [`curve`], [`table`]: what is written of them
//!
//! `README.md` has the commands and explains their tables.

pub mod alloc;
pub mod cell;
pub mod curve;
pub mod drive;
pub mod growth;
pub mod ours;
pub mod peer;
pub mod peers;
pub mod plot;
pub mod push;
pub mod results;
pub mod table;
pub mod worst;

use drive::Contender;

/// All contenders. Ratios refer to the first one that does the work of a cell.
pub const CONTENDERS: &[Contender] = &[
    Contender::of::<peers::hand_v2::HandV2<false>>(),
    Contender::of::<peers::hand_v2::HandV2<true>>(),
    Contender::of::<peers::hand_keyed::HandKeyed<false>>(),
    Contender::of::<peers::hand_keyed::HandKeyed<true>>(),
    Contender::of::<peers::hand_v1::HandV1>(),
    Contender::of::<peers::bcast::Bcast<peers::bcast::ByName>>(),
    Contender::of::<peers::bcast::Bcast<peers::bcast::ByHandle>>(),
    Contender::of::<peers::async_bcast::AsyncBroadcast>(),
    Contender::of::<peers::mpsc_each::MpscEach>(),
    Contender::of::<peers::embassy::Embassy>(),
    // The last one: no ratio refers to it.
    Contender::of::<ours::Ours>(),
];
