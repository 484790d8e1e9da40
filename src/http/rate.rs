//! How often a key or token may ask: so many requests a second, and some at once now and then.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};

use crate::{config::RateConfig, http::error::Problem, keys::Bearer, refusal::RequestRefusal};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Buckets of tokens: one a key, refilled all the time.
pub(super) struct Rates {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<Bearer, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What a request found in its bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Taken {
    burst: f64,
    per_second: f64,
    left: f64,
}

impl Rates {
    /// Buckets remembered at once, about 5 MB.
    const MOST: usize = 50_000;

    pub(super) fn new(rate: &RateConfig) -> Self {
        let (per_second, burst) = (f64::from(rate.per_second.max(1)), f64::from(rate.burst.max(1)));
        Self { per_second, burst, buckets: Mutex::default() }
    }

    /// Takes a token for a request.
    pub(super) fn take(&self, bearer: Bearer, now: Instant) -> Taken {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= Self::MOST && !buckets.contains_key(&bearer) {
            // A full bucket is like none.
            buckets.retain(|_, bucket| self.filled(*bucket, now) < self.burst);
            if buckets.len() >= Self::MOST {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(bearer).or_insert(Bucket { tokens: self.burst, at: now });
        // What cannot be had is not owed either.
        let left = self.filled(*bucket, now) - 1.0;
        *bucket = Bucket { tokens: if left < 0.0 { left + 1.0 } else { left }, at: now };
        Taken { burst: self.burst, per_second: self.per_second, left }
    }

    fn filled(&self, bucket: Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + passed * self.per_second).min(self.burst)
    }
}

impl Taken {
    /// How long to wait for a token; none if there was one.
    pub(super) fn wait(self) -> Option<Duration> {
        (self.left < 0.0).then(|| Duration::from_secs_f64(-self.left / self.per_second))
    }

    /// The refusal of a request that found no token.
    pub(super) fn refusal(self, wait: Duration) -> Response {
        let refusal = RequestRefusal::RateLimited { per_second: self.per_second as u32, burst: self.burst as u32 };
        let mut response = Problem::from(refusal).after(wait).into_response();
        self.tell(response.headers_mut());
        response
    }

    /// Tells a client what it may still ask for, as the IETF's draft "RateLimit header fields for HTTP" has it.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let window = (self.burst / self.per_second).ceil();
        let left = self.left.max(0.0).floor();
        let full_in = ((self.burst - self.left) / self.per_second).ceil();
        let texts = [
            (POLICY, format!("\"key\";q={};w={window}", self.burst)),
            (LIMIT, format!("\"key\";r={left};t={full_in}")),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use voicemill_types::ApiKeyId;

    use super::*;

    #[test]
    fn a_bucket_is_emptied_at_once_and_filled_again_by_and_by() {
        let rates = Rates::new(&RateConfig { per_second: 50, burst: 100 });
        let now = Instant::now();
        let key = Bearer::Key(ApiKeyId::new());
        let good = (0..200).filter(|_| rates.take(key, now).wait().is_none()).count();
        assert_eq!(good, 100);
        assert_eq!(rates.take(key, now).wait(), Some(Duration::from_millis(20)), "a refusal costs nothing");
        let later = now + Duration::from_secs(1);
        assert_eq!((0..200).filter(|_| rates.take(key, later).wait().is_none()).count(), 50);
        assert_eq!(rates.take(Bearer::Key(ApiKeyId::new()), now).wait(), None, "another key has its own");
        let much_later = now + Duration::from_secs(3_600);
        assert_eq!((0..200).filter(|_| rates.take(key, much_later).wait().is_none()).count(), 100, "no more than full");
    }

    #[test]
    fn headers_say_what_is_left() {
        let rates = Rates::new(&RateConfig { per_second: 50, burst: 100 });
        let mut headers = HeaderMap::new();
        rates.take(Bearer::Configured, Instant::now()).tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"key\";q=100;w=2");
        assert_eq!(headers["ratelimit"], "\"key\";r=99;t=1");
    }

    #[test]
    fn memory_is_bounded() {
        let rates = Rates::new(&RateConfig { per_second: 1, burst: 2 });
        let now = Instant::now();
        for number in 0..=Rates::MOST {
            rates.take(Bearer::Key(ApiKeyId(Uuid::from_u128(number as u128))), now);
        }
        assert!(rates.buckets.lock().unwrap().len() <= Rates::MOST);
    }
}
