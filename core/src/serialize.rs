//! The forms of the feature `serde`: small enums by their names, counts as maps by reason.

use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    DropReason, Dropped, FlushReason, Leading, Loss, Losses, Overflow, ParseNameError, Priority,
    RefuseReason, Refused, RunState,
};

macro_rules! by_name {
    ($($type:ty),* $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str(Name(PhantomData))
            }
        }
    )*};
}

by_name!(Priority, Overflow, Leading, DropReason, RefuseReason, FlushReason, Loss, RunState);

struct Name<T>(PhantomData<T>);

impl<T: FromStr<Err = ParseNameError>> Visitor<'_> for Name<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        name.parse().map_err(|error: ParseNameError| E::unknown_variant(name, error.names()))
    }
}

/// `{"total", …}` with every reason.
impl Serialize for Dropped {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let counts = DropReason::ALL.map(|reason| (reason.as_str(), self.count(reason)));
        to.collect_map([("total", self.total())].into_iter().chain(counts))
    }
}

/// `{"total", …}` with every reason.
impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let counts = RefuseReason::ALL.map(|reason| (reason.as_str(), self.count(reason)));
        to.collect_map([("total", self.total())].into_iter().chain(counts))
    }
}

/// The counts that are not zero.
impl Serialize for Losses {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Dropped {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Counts(Self::count_mut))
    }
}

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Counts(Self::count_mut))
    }
}

impl<'de> Deserialize<'de> for Losses {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Counts(|losses: &mut Self, loss| match loss {
            Loss::Expired => &mut losses.expired,
            Loss::Dropped(reason) => losses.dropped.count_mut(reason),
        }))
    }
}

/// Reads counts by reason. The total and reasons that are unknown, as a newer version may send them,
/// are skipped; what is absent is zero.
struct Counts<T, R>(fn(&mut T, R) -> &mut u64);

impl<'de, T: Default, R: FromStr> Visitor<'de> for Counts<T, R> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of counts by reason")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut counts = T::default();
        let mut total = 0_u64;
        while let Some(Reason(reason)) = map.next_key()? {
            let Some(reason) = reason else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let count = map.next_value()?;
            // `total()` adds them up without a check
            total = total
                .checked_add(count)
                .ok_or_else(|| A::Error::custom("the counts add up to more than 64 bits hold"))?;
            *(self.0)(&mut counts, reason) = count;
        }
        Ok(counts)
    }
}

struct Reason<R>(Option<R>);

impl<'de, R: FromStr> Deserialize<'de> for Reason<R> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit<R>(PhantomData<R>);

        impl<R: FromStr> Visitor<'_> for Visit<R> {
            type Value = Reason<R>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reason")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Reason<R>, E> {
                Ok(Reason(name.parse().ok()))
            }
        }

        from.deserialize_identifier(Visit(PhantomData))
    }
}
