//! Where a device is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use statusbus_core::ConversationName;

use crate::name;

/// A device: where its line is, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// What somebody has called it.
    name: Option<String>,
    pub(super) place: Place,
}

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A serial port, a pseudo-terminal, a FIFO, a socket or a file.
    Path(PathBuf),
    /// A server to connect to: host and port.
    Connect(String),
    /// The same, to listen at: the device connects.
    Listen(String),
}

impl Address {
    /// Reads `[NAME=]PATH`, `[NAME=][tcp:]HOST:PORT` or `[NAME=]tcp-listen:HOST:PORT`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, place) = match text.split_once('=') {
            // A path may have that in it, too.
            Some((name, place)) if !name.contains(['/', '\\', ':']) => (Some(name), place),
            _ => (None, text),
        };
        if let Some(name) = name {
            ConversationName::new(name).map_err(|error| error.to_string())?;
        }
        Ok(Self { name: name.map(str::to_owned), place: Place::parse(place)? })
    }

    /// What the device is called.
    pub(crate) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.place.name())
    }

    /// Whether somebody has called it that.
    pub(crate) const fn is_named(&self) -> bool {
        self.name.is_some()
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        let tcp = text.strip_prefix("tcp:");
        if let Some(address) = tcp {
            return host_and_port(address.trim_start_matches('/')).map(Self::Connect);
        }
        if let Some(address) = text.strip_prefix("tcp-listen:") {
            return host_and_port(address.trim_start_matches('/')).map(Self::Listen);
        }
        match text.rsplit_once(':') {
            _ if text.is_empty() => Err("give it a path or an address".to_owned()),
            Some((_, port)) if !text.contains(['/', '\\']) && is_digits(port) => {
                host_and_port(text).map(Self::Connect)
            }
            _ => Ok(Self::Path(text.into())),
        }
    }

    /// A name for what is there, without a `/`.
    fn name(&self) -> String {
        match self {
            Self::Path(path) => {
                let mut parts = path.iter().rev().map(|part| part.to_string_lossy());
                let last = parts.next().unwrap_or_default();
                // A pseudo-terminal is called by its number.
                let name = match (is_digits(&last), parts.next()) {
                    (true, Some(kind)) => format!("{kind}-{last}"),
                    _ => last.into_owned(),
                };
                name::valid(&name.replace('/', "-"))
            }
            Self::Connect(address) | Self::Listen(address) => name::valid(address),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Connect(address) | Self::Listen(address) => address.fmt(f),
        }
    }
}

/// Checks an address, as far as that can be done without asking for a host. Nothing in front of the
/// port is this machine.
fn host_and_port(text: &str) -> Result<String, String> {
    let like = || format!("{text:?} is no address: give a host and a port, as in 127.0.0.1:5555");
    let (host, port) = text.rsplit_once(':').ok_or_else(like)?;
    let port = port.parse::<u16>().map_err(|_| like())?;
    let host = match host {
        "" => "127.0.0.1",
        host => host,
    };
    // What has a colon is an address of IPv6, which needs its brackets to be told from the port.
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_v6 = inside.is_some_and(|host| host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()));
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    match is_v6 || host.chars().all(is_host) {
        true => Ok(format!("{host}:{port}")),
        false => Err(like()),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_told_apart_and_have_names() {
        let path = |path: &str| Place::Path(path.into());
        let connect = |address: &str| Place::Connect(address.to_owned());
        let listen = |address: &str| Place::Listen(address.to_owned());
        let rules = [
            ("/dev/ttyUSB0", path("/dev/ttyUSB0"), "ttyUSB0"),
            ("/dev/pts/3", path("/dev/pts/3"), "pts-3"),
            ("7", path("7"), "7"),
            ("COM3", path("COM3"), "COM3"),
            ("pump=/dev/ttyACM1", path("/dev/ttyACM1"), "pump"),
            ("/tmp/a=b:1", path("/tmp/a=b:1"), "a=b-1"),
            ("127.0.0.1:5555", connect("127.0.0.1:5555"), "127.0.0.1-5555"),
            ("tcp:board.local:23", connect("board.local:23"), "board.local-23"),
            ("tcp://[::1]:5555", connect("[::1]:5555"), "[--1]-5555"),
            ("tcp::5555", connect("127.0.0.1:5555"), "127.0.0.1-5555"),
            ("b 1=tcp-listen:localhost:0", listen("localhost:0"), "b 1"),
        ];
        for (text, place, name) in rules {
            let address = Address::parse(text).expect(text);
            assert_eq!((&address.place, &*address.name()), (&place, name), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_told() {
        let rules = [
            ("", "give it a path or an address"),
            ("=/dev/ttyUSB0", "empty"),
            ("system=/dev/ttyUSB0", "system"),
            ("tcp:board", "\"board\" is no address: give a host and a port, as in 127.0.0.1:5555"),
            ("tcp:::1:5555", "is no address"),
            ("localhost:70000", "is no address"),
            ("tcp-listen:a b:1", "is no address"),
        ];
        for (text, told) in rules {
            let error = Address::parse(text).expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
