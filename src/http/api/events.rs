//! What happened in a portal's domain: in pages, and as a stream that goes on.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Extension, State},
    http::{HeaderMap, header::AUTHORIZATION},
    response::{
        IntoResponse,
        sse::{self, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;
use voicemill_types::DomainId;

use crate::{
    app::App,
    error::ServiceError,
    events::{self, CloudEvent, Event},
    http::{
        auth::{Granted, Member, Portal},
        error::Problem,
        extract::{Json, Limit, Path, Query},
        wire,
    },
    keys::{self, Grant},
    mailboxes::counts,
    refusal::{RequestRefusal, Rule},
};

/// Most streams that one key may hold open.
const STREAMS_PER_KEY: usize = 20;
/// How often a stream in which nothing happens shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often a stream looks though nothing was heard: another process may have written.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a stream waits for more to happen before it looks, so that a burst costs few looks.
const GATHER: Duration = Duration::from_millis(50);
/// How many events a stream reads at once.
const STREAM_PAGE: u16 = 100;

/// `GET /v1/mailboxes/{extension}/counts`: what lamps and badges show.
pub(super) async fn mailbox_counts(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path(extension): Path<String>,
) -> Result<Json<wire::AllCounts>, Problem> {
    Ok(Json(counts::of(&app, &domain, &extension).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    cursor: Option<String>,
    types: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/events?cursor=…&types=message.available,message.read&limit=…`: oldest first, of the last 30 days.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
    Query(page): Query<Page>,
) -> Result<Json<wire::EventPage>, Problem> {
    let after = page.cursor.as_deref().map_or(Ok(0), position)?;
    let wanted = types(page.types.as_deref());
    let items = events::page(&app, domain.id, after, (&wanted, &grant.boxes), page.limit.0).await?;
    let next_cursor = items.last().map(|last| last.position.to_string()).or(page.cursor);
    Ok(Json(wire::EventPage { items, next_cursor }))
}

/// Reads a cursor, which is also the id of an event in a stream.
fn position(cursor: &str) -> Result<i64, ServiceError> {
    let read = cursor.trim().parse().ok().filter(|position| *position >= 0);
    read.ok_or_else(|| ServiceError::invalid("/cursor", Rule::BadCursor {}))
}

fn types(listed: Option<&str>) -> Vec<String> {
    let names = listed.unwrap_or_default().split(',').map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    cursor: Option<String>,
    types: Option<String>,
}

/// `GET /v1/events/stream?types=…`: what happens from now on, or after `Last-Event-ID` or a cursor, as server-sent events.
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Granted(grant): Granted,
    Portal(domain): Portal,
    Query(wanted): Query<Wanted>,
    Extension(streams): Extension<Arc<Streams>>,
    stopping: Option<Extension<CancellationToken>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let Some(place) = streams.open(&headers) else {
        return Err(RequestRefusal::TooManyStreams { most: STREAMS_PER_KEY }.into());
    };
    let types = types(wanted.types.as_deref());
    events::check_types(&types)?;
    // Before the first look, so that what is committed after it is heard.
    let committed = app.events.subscribe();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = match last.or(wanted.cursor.as_deref()) {
        Some(cursor) => position(cursor)?,
        None => events::last(&app).await?,
    };
    let stopping = stopping.map(|Extension(stopping)| stopping).unwrap_or_default();
    let live =
        Live { app, grant, domain: domain.id, types, after, read: VecDeque::new(), committed, stopping, _place: place };
    let body = Sse::new(live.events()).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    // A proxy that gathers answers would hold events back.
    Ok(([("x-accel-buffering", "no")], body))
}

/// One stream.
struct Live {
    app: Arc<App>,
    grant: Grant,
    domain: DomainId,
    types: Vec<String>,
    after: i64,
    read: VecDeque<CloudEvent>,
    committed: Receiver<Event>,
    stopping: CancellationToken,
    _place: StreamPlace,
}

impl Live {
    fn events(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        stream::unfold(self, |mut live| async move {
            let stopping = live.stopping.clone();
            // Its client comes again, and goes on after the last event that it has.
            let event = stopping.run_until_cancelled(Box::pin(live.next())).await??;
            Some((Ok(event), live))
        })
    }

    /// The next event, once there is one; none if it cannot be read.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                let told = sse::Event::default().id(event.position.to_string()).event(event.kind);
                return told.json_data(&event).ok();
            }
            match self.look().await {
                Ok(Some(page)) => self.read.extend(page),
                // What opened it is good no more.
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a stream of events ends");
                    return None;
                }
            }
            match self.read.back() {
                Some(last) => self.after = last.position,
                None => self.wait().await,
            }
        }
    }

    /// What happened since the last look; none if the key or token that opened the stream is good no more.
    async fn look(&self) -> Result<Option<Vec<CloudEvent>>, ServiceError> {
        if !keys::is_still_good(&self.app, &self.grant).await? {
            return Ok(None);
        }
        let of = (&*self.types, &self.grant.boxes);
        Ok(Some(events::page(&self.app, self.domain, self.after, of, STREAM_PAGE).await?))
    }

    /// Waits until something may have happened.
    async fn wait(&mut self) {
        let heard = tokio::time::timeout(LOOK_EVERY, self.committed.recv()).await;
        if heard.is_ok() {
            tokio::time::sleep(GATHER).await;
            self.committed = self.committed.resubscribe();
        }
    }
}

/// How many streams each key holds open.
#[derive(Debug, Default)]
pub(in crate::http) struct Streams(Mutex<HashMap<[u8; 32], usize>>);

/// A stream's place among those of its key, until it is dropped.
struct StreamPlace {
    streams: Arc<Streams>,
    key: [u8; 32],
}

impl Streams {
    /// A place for one more; none if the key holds as many as it may.
    fn open(self: &Arc<Self>, headers: &HeaderMap) -> Option<StreamPlace> {
        let key = Sha256::digest(headers.get(AUTHORIZATION).map_or(&[][..], |value| value.as_bytes())).into();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key).or_default();
        if *count >= STREAMS_PER_KEY {
            return None;
        }
        *count += 1;
        Some(StreamPlace { streams: Arc::clone(self), key })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}
