//! Static bearer tokens.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use super::authorize::{Access, Authorize, Decision, Denied, Grant, Target};
use super::caller::Caller;

/// Policy: static bearer tokens, each for full access or for reading only.
///
/// Comparison time depends on the number and the lengths of the tokens, not on their content. Grants
/// have no end. A request without a known token is answered with 401.
///
/// ```
/// use statusbus_axum::Bearer;
///
/// let bearer = Bearer::new("a long random secret")?.with_reader("for the wall display")?;
/// # Ok::<(), statusbus_axum::TokenError>(())
/// ```
#[derive(Clone)]
pub struct Bearer {
    tokens: Vec<(Box<str>, Scope)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Everything,
    Read,
}

impl Bearer {
    /// A policy with one token, which grants full access.
    ///
    /// # Errors
    /// `token` is empty, has spaces at its ends, or has a character other than visible ASCII and
    /// spaces.
    pub fn new(token: &str) -> Result<Self, TokenError> {
        Self { tokens: Vec::new() }.with(token, Scope::Everything)
    }

    /// Adds a token that grants reading everything and publishing nothing.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_reader(self, token: &str) -> Result<Self, TokenError> {
        self.with(token, Scope::Read)
    }

    fn with(mut self, token: &str, scope: Scope) -> Result<Self, TokenError> {
        if token.is_empty() || token.trim() != token || token.contains(|c: char| !is_sendable(c)) {
            return Err(TokenError);
        }
        self.tokens.push((token.into(), scope));
        Ok(self)
    }

    /// The scope of a token. Compares with all tokens, so that the time is the same for each.
    fn scope(&self, token: &str) -> Option<Scope> {
        let mut found = None;
        for (known, scope) in &self.tokens {
            let same: Choice = known.as_bytes().ct_eq(token.as_bytes());
            found = if bool::from(same) { Some(*scope) } else { found };
        }
        found
    }

    fn decide(&self, caller: &Caller, access: Access<'_>) -> Result<Grant, Denied> {
        let Some(token) = caller.token() else {
            return Err(Denied::no_token());
        };
        match (self.scope(&token), access) {
            (None, _) => Err(Denied::unauthenticated("the token is unknown")),
            (Some(Scope::Read), Access::Publish(_)) => {
                Err(Denied::forbidden("this token grants reading only"))
            }
            (Some(_), _) => Ok(Grant::unlimited()),
        }
    }
}

/// Whether a header value can contain the character: visible ASCII, and spaces.
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

/// A text that cannot be sent as a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenError;

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token is at least one visible ASCII character, without spaces at its ends")
    }
}

impl std::error::Error for TokenError {}
