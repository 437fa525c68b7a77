//! Reading the body of a request: no more than may be, not for ever, and not more of all together
//! than there is room for.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// How long a body may take to come.
const TIME: Duration = Duration::from_secs(30);

/// Bytes of bodies that are being read, of all requests together.
const TOGETHER: usize = 64 * 1024 * 1024;

/// Room for the bodies of all requests together. It is taken as the bytes come, so that one who
/// announces much and sends nothing takes nothing.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self::of(TOGETHER)
    }
}

/// A body, and the room it takes.
pub(crate) struct Whole {
    pub(crate) bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Room {
    fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// Reads a body of at most `most` bytes.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        most: usize,
    ) -> Result<Whole, Problem> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if announced
            .and_then(|length| length.parse().ok())
            .is_some_and(|length: u64| length > most as u64)
        {
            return Err(too_large(most));
        }
        match tokio::time::timeout(TIME, self.read_to_end(body, most)).await {
            Ok(read) => read,
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "slow",
                format!("the body took longer than {} s to come", TIME.as_secs()),
            )),
        }
    }

    async fn read_to_end(&self, body: Body, most: usize) -> Result<Whole, Problem> {
        let mut whole = Whole { bytes: Vec::new(), _room: None };
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| {
                Problem::bad_request("incomplete", "the body ended before it was complete")
            })?;
            if whole.bytes.len() + piece.len() > most {
                return Err(too_large(most));
            }
            let more = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            let Ok(room) = Arc::clone(&self.0).try_acquire_many_owned(more) else {
                return Err(Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "busy",
                    "too much is being sent at once: come back",
                ));
            };
            match &mut whole._room {
                Some(taken) => taken.merge(room),
                None => whole._room = Some(room),
            }
            whole.bytes.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

fn too_large(most: usize) -> Problem {
    let detail = format!("the body has more than {most} bytes: send it in parts");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use futures_util::stream;
    use tokio::time::Instant;

    use super::*;

    async fn read(room: &Room, body: Body) -> Result<Whole, &'static str> {
        room.read(&HeaderMap::new(), body, 100).await.map_err(|problem| problem.reason())
    }

    /// A body of which no more comes.
    fn unfinished(beginning: &'static str) -> Body {
        let beginning = Ok::<_, Infallible>(Bytes::from_static(beginning.as_bytes()));
        Body::from_stream(stream::once(async { beginning }).chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_take_room_together_while_they_are_there_and_no_longer() {
        let room = Room::of(10);
        let seven = read(&room, Body::from("seven b")).await.expect("there is room");
        assert_eq!(read(&room, Body::from("four")).await.err(), Some("busy"));
        let three = read(&room, Body::from("abc")).await.expect("there is room");
        assert_eq!((seven.bytes.len(), &*three.bytes), (7, &b"abc"[..]));
        drop(seven);
        assert!(read(&room, Body::from("four")).await.is_ok());
        let (slow, fast) = tokio::join!(read(&room, unfinished("1234567")), async {
            tokio::time::sleep(TIME / 2).await;
            read(&room, Body::from("x")).await.err()
        });
        assert_eq!((slow.err(), fast), (Some("slow"), Some("busy")));
        assert!(read(&room, Body::from("seven b")).await.is_ok(), "what was given up is free");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let began = Instant::now();
        assert_eq!(read(&Room::default(), unfinished("{")).await.err(), Some("slow"));
        assert_eq!(began.elapsed(), TIME);
        let large = "x".repeat(101);
        assert_eq!(read(&Room::default(), Body::from(large)).await.err(), Some("too_large"));
    }
}
