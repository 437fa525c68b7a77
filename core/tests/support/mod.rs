//! What the tests speak in: updates with names ([`note`]), a bus with a virtual clock ([`Host`]).

mod host;
mod note;

pub(crate) use host::{Became, Heard, Host, TOLD, config};
pub(crate) use note::{Note, Plain, Told, note};
