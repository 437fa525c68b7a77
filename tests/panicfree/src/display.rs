//! Everything that can be written for people to read: core::fmt is looked at apart.

use core::fmt::{Display, Write};

use statusbus_core::{
    Categories, Config, ConversationName, Loss, RunState, TooManyPromises, TopicName,
};

use crate::calls::config;
use crate::input::{number, text, told};

/// Takes text in.
struct Out;

impl Write for Out {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        told(text.len() as u32);
        if number() == 0 { Err(core::fmt::Error) } else { Ok(()) }
    }
}

pub(crate) fn show(what: impl Display) {
    told(write!(Out, "{what}").is_ok().into());
}

pub(crate) fn any() {
    let mut categories: Categories<&str, 3> = Categories::new();
    match TopicName::parse(text(), &categories) {
        Ok(topic) => show(topic),
        Err(error) => show(error),
    }
    if let Err(error) = ConversationName::new(text()) {
        show(error);
    }
    match text().parse::<Loss>() {
        Ok(loss) => show(loss),
        Err(error) => show(error),
    }
    if let Err(error) = config(Config::new()) {
        show(error);
    }
    if let Err(error) = categories.register(text()) {
        show(error);
    }
    match text().parse::<RunState>() {
        Ok(state) => show(state),
        Err(error) => show(error),
    }
    show(TooManyPromises);
}
