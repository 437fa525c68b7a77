//! JWTs whose claims list what the bearer may read and publish. Feature `jwt`.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};
use jwt_compact::alg::{Hs256, Hs256Key};
use jwt_compact::{AlgorithmExt, TimeOptions, UntrustedToken};
use serde::Deserialize;

use super::authorize::{Access, Authorize, Decision, Denied, Grant, Target};
use super::caller::Caller;

/// Policy: JWTs signed with HS256, whose claims list what the bearer may read and publish. Streams end
/// when their token expires, and clients resume them with a new one.
///
/// Claims: `exp`, required; `nbf`, optional; `read` and `publish`, each a list of conversations in
/// which `system` means the system-wide updates and `*` means everything. [`Access::Observe`] needs a
/// `read` list that is not empty. The leeway for differences between clocks is 5 s.
///
/// ```json
/// {"exp": 1767225600, "read": ["conv-42", "system"], "publish": ["conv-42"]}
/// ```
#[derive(Clone)]
pub struct Jwt {
    key: Hs256Key,
    audience: Option<Box<str>>,
}

/// Tolerated difference between the clocks of this server and of the signer.
const LEEWAY: Duration = Duration::from_secs(5);

/// Shortest secret in bytes: HS256 requires a key at least as long as the hash (RFC 7518, 3.2).
const MIN_SECRET: usize = 32;

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    publish: Vec<String>,
    #[serde(default)]
    aud: Audience,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    Nobody,
    One(String),
    Many(Vec<String>),
}

impl Jwt {
    /// Accepts tokens signed with `secret`, which has to be random and at least 32 bytes long. Any
    /// audience is accepted.
    ///
    /// # Errors
    /// `secret` is shorter than 32 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, SecretError> {
        if secret.len() < MIN_SECRET {
            return Err(SecretError(secret.len()));
        }
        Ok(Self { key: Hs256Key::new(secret), audience: None })
    }

    /// Accepts only tokens whose claim `aud` is or contains `audience`. Default: any token.
    #[must_use]
    pub fn with_audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.into());
        self
    }

    fn decide(
        &self,
        caller: &Caller,
        access: Access<'_>,
        now: SystemTime,
    ) -> Result<Grant, Denied> {
        let token = caller.token().ok_or_else(Denied::no_token)?;
        let (claims, expires) = self.read(&token, now)?;
        let (is_covered, claim) = match access {
            Access::Read(target) | Access::Resume(target) => (covers(&claims.read, target), "read"),
            Access::Publish(target) => (covers(&claims.publish, target), "publish"),
            Access::Observe => (!claims.read.is_empty(), "read"),
        };
        if !is_covered {
            let detail = format!("the token's claim `{claim}` does not cover this");
            return Err(Denied::forbidden(detail));
        }
        Ok(Grant::until(expires))
    }

    /// Checks that the token is valid and lists anything to publish.
    fn decide_publisher(&self, caller: &Caller, now: SystemTime) -> Result<(), Denied> {
        let token = caller.token().ok_or_else(Denied::no_token)?;
        let (claims, _) = self.read(&token, now)?;
        if claims.publish.is_empty() {
            return Err(Denied::forbidden("the token's claim `publish` is missing or empty"));
        }
        Ok(())
    }

    /// The claims of a token, and the time until which it is accepted.
    fn read(&self, token: &str, now: SystemTime) -> Result<(Claims, SystemTime), Denied> {
        let wrong = |why: &dyn fmt::Display| Denied::unauthenticated(format!("the token: {why}"));
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let now = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let leeway = TimeDelta::from_std(LEEWAY).unwrap_or_default();
        let times = TimeOptions::new(leeway, move || now);
        let token = UntrustedToken::new(token).map_err(|error| wrong(&error))?;
        let token = Hs256.validator::<Claims>(&self.key).validate(&token);
        let (_, claims) = token.map_err(|error| wrong(&error))?.into_parts();
        claims.validate_expiration(&times).map_err(|error| wrong(&error))?;
        if claims.not_before.is_some() {
            claims.validate_maturity(&times).map_err(|error| wrong(&error))?;
        }
        if let Some(audience) = &self.audience
            && !claims.custom.aud.has(audience)
        {
            return Err(wrong(&"its audience is another one"));
        }
        let expires = claims.expiration.map_or(0, |expires| expires.timestamp());
        let expires = Duration::from_secs(u64::try_from(expires).unwrap_or(0)) + LEEWAY;
        let expires =
            UNIX_EPOCH.checked_add(expires).ok_or_else(|| wrong(&"its expiry is out of range"))?;
        Ok((claims.custom, expires))
    }
}

impl Audience {
    fn has(&self, audience: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

/// Whether a list of conversations covers the target.
fn covers(list: &[String], target: Target<'_>) -> bool {
    let wanted = match target {
        Target::Conversation(name) => name,
        // `system` and `*` are invalid as names of conversations.
        Target::System => "system",
        Target::Everything => "*",
    };
    list.iter().any(|known| known == "*" || known == wanted)
}

impl Authorize for Jwt {
    fn authorize<'a>(&'a self, caller: &'a Caller, access: Access<'a>) -> Decision<'a> {
        Box::pin(std::future::ready(self.decide(caller, access, SystemTime::now())))
    }

    fn admit_publisher<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        Box::pin(std::future::ready(self.decide_publisher(caller, SystemTime::now())))
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("audience", &self.audience).finish_non_exhaustive()
    }
}

/// A secret that is too short. Contains its length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretError(usize);

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the secret has {} bytes: use at least {MIN_SECRET} random bytes", self.0)
    }
}

impl std::error::Error for SecretError {}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"thirty-two bytes are long enough";
    const EXPIRES: u64 = 2_000_000_000;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn signed(secret: &[u8], claims: &Value) -> String {
        let claims = serde_json::from_value(claims.clone()).expect("claims");
        let claims: jwt_compact::Claims<Value> = claims;
        Hs256
            .token(&jwt_compact::Header::empty(), &claims, &Hs256Key::new(secret))
            .expect("a token")
    }

    fn caller(token: &str) -> Caller {
        let request = Request::builder().header("authorization", format!("Bearer {token}"));
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        Caller::of(&parts)
    }

    fn decide(jwt: &Jwt, token: &str, access: Access<'_>, now: u64) -> Result<Grant, u16> {
        jwt.decide(&caller(token), access, at(now)).map_err(|denied| match denied {
            Denied::Unauthenticated(_) => 401,
            Denied::Forbidden(_) => 403,
        })
    }

    #[test]
    fn a_token_grants_what_its_claims_list_until_it_expires() {
        let jwt = Jwt::new(SECRET).expect("long enough");
        let claims = json!({"exp": EXPIRES, "read": ["conv-1", "system"], "publish": ["conv-1"]});
        let token = signed(SECRET, &claims);
        let now = EXPIRES - 60;
        let granted = Ok(Grant::until(at(EXPIRES) + LEEWAY));
        for access in [
            Access::Read(Target::Conversation("conv-1")),
            Access::Resume(Target::Conversation("conv-1")),
            Access::Read(Target::System),
            Access::Publish(Target::Conversation("conv-1")),
            Access::Observe,
        ] {
            assert_eq!(decide(&jwt, &token, access, now), granted, "{access:?}");
            assert_eq!(decide(&jwt, &token, access, EXPIRES + 6), Err(401), "{access:?}");
        }
        for access in [
            Access::Read(Target::Conversation("conv-2")),
            Access::Read(Target::Everything),
            Access::Publish(Target::System),
            Access::Publish(Target::Conversation("conv-2")),
        ] {
            assert_eq!(decide(&jwt, &token, access, now), Err(403), "{access:?}");
        }
        let all = signed(SECRET, &json!({"exp": EXPIRES, "read": ["*"]}));
        assert_eq!(decide(&jwt, &all, Access::Read(Target::Everything), now), granted);
        assert_eq!(decide(&jwt, &all, Access::Publish(Target::System), now), Err(403));
    }

    #[test]
    fn a_token_that_publishes_nothing_is_refused_before_a_body_is_read() {
        let jwt = Jwt::new(SECRET).expect("long enough");
        let decide = |claims: Value, now| {
            let caller = caller(&signed(SECRET, &claims));
            jwt.decide_publisher(&caller, at(now)).map_err(|denied| match denied {
                Denied::Unauthenticated(_) => 401,
                Denied::Forbidden(_) => 403,
            })
        };
        let now = EXPIRES - 60;
        let publishes = json!({"exp": EXPIRES, "publish": ["conv-1"]});
        assert_eq!(decide(publishes.clone(), now), Ok(()));
        assert_eq!(decide(publishes, EXPIRES + 6), Err(401));
        assert_eq!(decide(json!({"exp": EXPIRES, "read": ["*"]}), now), Err(403));
        assert_eq!(decide(json!({"exp": EXPIRES, "read": ["*"], "publish": []}), now), Err(403));
    }

    #[test]
    fn a_forged_or_incomplete_token_is_refused() {
        let jwt = Jwt::new(SECRET).expect("long enough");
        let now = EXPIRES - 60;
        let claims = json!({"exp": EXPIRES, "read": ["*"]});
        let good = signed(SECRET, &claims);
        let (signed_part, _) = good.rsplit_once('.').expect("a signature");
        // {"alg":"none"}
        let none = format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).expect("claims"));
        for token in [
            signed(b"thirty-two other bytes for a key", &claims),
            signed(SECRET, &json!({"read": ["*"]})),
            signed(SECRET, &json!({"exp": EXPIRES, "nbf": now + 60, "read": ["*"]})),
            format!("{signed_part}."),
            format!("{signed_part}.AAAA"),
            none,
            "garbage".to_owned(),
            String::new(),
        ] {
            let decision = decide(&jwt, &token, Access::Read(Target::Everything), now);
            assert_eq!(decision, Err(401), "{token}");
        }
        assert!(decide(&jwt, &good, Access::Read(Target::Everything), now).is_ok());
    }

    #[test]
    fn a_required_audience_is_checked() {
        let jwt = Jwt::new(SECRET).expect("long enough").with_audience("statusbus");
        let read = |aud: Value| {
            let claims = json!({"exp": EXPIRES, "read": ["*"], "aud": aud});
            let token = signed(SECRET, &claims);
            decide(&jwt, &token, Access::Read(Target::Everything), EXPIRES - 60).map(|_| ())
        };
        assert_eq!(read(json!("statusbus")), Ok(()));
        assert_eq!(read(json!(["other", "statusbus"])), Ok(()));
        assert_eq!(read(json!("other")), Err(401));
        assert_eq!(read(json!(null)), Err(401));
        assert_eq!(Jwt::new(b"short").expect_err("too short"), SecretError(5));
    }
}
