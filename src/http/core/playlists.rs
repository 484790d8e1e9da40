//! Play lists in the forms that cores read: JSON, M3U, and the `.loc` of FreeSWITCH's `local_stream`. All have the same order.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::tz::TimeZone;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    error::ServiceError,
    http::{
        auth::Member,
        error::Problem,
        etag::is_known,
        extract::{Path, Query},
        wire,
    },
    playlists::{self, Playable},
    refusal::Rule,
};

/// At which rate the tracks are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rate {
    /// In Hz: 8000 unless said.
    rate: Option<i64>,
}

/// The rates that prompts have.
const RATES: [i64; 4] = [8_000, 16_000, 32_000, 48_000];

/// `GET /core/v1/playlists/{name}.{json,m3u,loc}?rate=…`
pub(super) async fn play(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path(file): Path<String>,
    Query(Rate { rate }): Query<Rate>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (name, form) = file.rsplit_once('.').ok_or_else(Problem::no_such_address)?;
    let rate = rate.unwrap_or(RATES[0]);
    if !RATES.contains(&rate) {
        let rule = Rule::BadValue { cause: "the rate is 8000, 16000, 32000 or 48000".to_owned() };
        return Err(ServiceError::invalid("/rate", rule).into());
    }
    if !matches!(form, "json" | "m3u" | "loc") {
        return Err(Problem::no_such_address());
    }
    let details = playlists::find(&app, &domain, name).await?;
    let sounds: Vec<wire::Sound> =
        playlists::playable(&app, &details).await?.iter().map(|one| sound(&app, one)).collect();
    let find = |id| sounds.iter().find(|sound| sound.prompt() == id);
    let zone = TimeZone::get(&domain.time_zone).unwrap_or(TimeZone::UTC);
    let order = playlists::sequence(&details.playlist, app.clock.now().to_zoned(zone).date(), |id| {
        find(id).filter(|sound| sound.wav_at(rate).is_some()).map(|sound| sound.duration_ms().unwrap_or(0))
    });
    let heard: Vec<(&str, &wire::Sound)> =
        order.into_iter().filter_map(|id| find(id).and_then(|sound| Some((sound.wav_at(rate)?, sound)))).collect();
    let (content_type, body) = match form {
        "m3u" => ("audio/x-mpegurl", m3u(&heard)),
        "loc" => ("text/plain; charset=utf-8", loc(&heard)),
        _ => {
            let sequence = heard.iter().map(|(address, _)| (*address).to_owned()).collect();
            let list = wire::PlayedList::new(&details.playlist, &sounds, sequence);
            let json = serde_json::to_string(&list).map_err(|error| ServiceError::Internal(error.into()))?;
            ("application/json", json)
        }
    };
    Ok(answer(&headers, content_type, body))
}

fn sound(app: &App, playable: &Playable) -> wire::Sound {
    let address = format!("/core/v1/prompts/{}.wav", playable.prompt.id);
    wire::Sound::new(&app.config.http.public_url, &playable.prompt, &playable.renditions, address)
}

fn m3u(heard: &[(&str, &wire::Sound)]) -> String {
    let mut text = "#EXTM3U\n".to_owned();
    for (address, sound) in heard {
        let seconds = sound.duration_ms().unwrap_or(0).saturating_add(500) / 1_000;
        let name: String = sound.name().chars().filter(|letter| !letter.is_control()).collect();
        text.push_str(&format!("#EXTINF:{seconds},{name}\n{address}\n"));
    }
    text
}

/// One address a line, each to be kept by FreeSWITCH's HTTP cache.
fn loc(heard: &[(&str, &wire::Sound)]) -> String {
    heard.iter().map(|(address, _)| format!("http_cache://{address}\n")).collect()
}

fn answer(headers: &HeaderMap, content_type: &'static str, body: String) -> Response {
    let etag = format!("\"{}\"", BASE64_STANDARD.encode(Sha256::digest(&body)));
    let known = is_known(headers, &etag);
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = (status, if known { Body::empty() } else { Body::from(body) }).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=60"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}
