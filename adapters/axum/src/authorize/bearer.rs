//! Tokens that everybody who has one may do the same with.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use super::{Access, Authorize, Decision, Denied, Grant, Target};
use crate::caller::Caller;

/// Whoever brings a token may read and say everything, or only read it. Tokens are compared in a
/// time that tells nothing of them but their length.
///
/// ```
/// use statusbus_axum::Bearer;
///
/// let bearer = Bearer::new("a secret that nobody guesses")?.reads("for the wall")?;
/// # Ok::<(), statusbus_axum::TokenError>(())
/// ```
#[derive(Clone)]
pub struct Bearer {
    tokens: Vec<(Box<str>, May)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    Everything,
    Read,
}

impl Bearer {
    /// Whoever brings this token may everything.
    ///
    /// # Errors
    /// It cannot be sent as a token.
    pub fn new(token: &str) -> Result<Self, TokenError> {
        Self { tokens: Vec::new() }.with(token, May::Everything)
    }

    /// Whoever brings this token may read everything, and say nothing.
    ///
    /// # Errors
    /// It cannot be sent as a token.
    pub fn reads(self, token: &str) -> Result<Self, TokenError> {
        self.with(token, May::Read)
    }

    fn with(mut self, token: &str, may: May) -> Result<Self, TokenError> {
        if token.is_empty() || token.trim() != token || token.contains(|c: char| !is_sendable(c)) {
            return Err(TokenError);
        }
        self.tokens.push((token.into(), may));
        Ok(self)
    }

    /// What a token is good for. Takes as long whichever it is.
    fn may(&self, token: &str) -> Option<May> {
        let mut found = None;
        for (known, may) in &self.tokens {
            let same: Choice = known.as_bytes().ct_eq(token.as_bytes());
            found = if bool::from(same) { Some(*may) } else { found };
        }
        found
    }

    fn decide(&self, caller: &Caller, access: Access<'_>) -> Result<Grant, Denied> {
        let Some(token) = caller.token() else {
            return Err(Denied::no_token());
        };
        match (self.may(&token), access) {
            (None, _) => Err(Denied::unauthenticated("there is no such token")),
            (Some(May::Read), Access::Publish(_)) => {
                Err(Denied::forbidden("with this token one may only read"))
            }
            (Some(_), _) => Ok(Grant::unlimited()),
        }
    }
}

/// Whether a header can have it: what is visible in ASCII, and spaces between.
fn is_sendable(character: char) -> bool {
    character.is_ascii_graphic() || character == ' '
}

impl Authorize for Bearer {
    fn authorize<'a>(&'a self, caller: &'a Caller, access: Access<'a>) -> Decision<'a> {
        Box::pin(std::future::ready(self.decide(caller, access)))
    }

    fn admit_publisher<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        let decided = self.decide(caller, Access::Publish(Target::Everything));
        Box::pin(std::future::ready(decided.map(|_| ())))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("tokens", &self.tokens.len()).finish()
    }
}

/// Something cannot be sent as a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenError;

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token is at least one visible ASCII character, without spaces at its ends")
    }
}

impl std::error::Error for TokenError {}
