//! What this process remembers of keys: those that were good when the database last answered, so that cores can go on dropping
//! while it is down, and those that were used, so that not every request writes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use voicemill_types::{ApiKeyId, Time};

use super::{Found, Secret};

/// Most keys of which anything is remembered.
const MOST: usize = 10_000;

/// What is remembered of keys.
#[derive(Debug, Default)]
pub struct Remembered {
    good: Mutex<HashMap<Secret, Found>>,
    used: Mutex<HashMap<ApiKeyId, Time>>,
    /// Up to when changes that other processes made are known.
    looked_at: Mutex<Option<Time>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember<K: Eq + std::hash::Hash, V>(map: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut map = lock(map);
    if map.len() >= MOST && !map.contains_key(&key) {
        map.clear();
    }
    map.insert(key, value);
}

impl Remembered {
    /// Remembers what the database just said of a secret.
    pub(super) fn note(&self, secret: Secret, found: Option<&Found>) {
        match found {
            Some(found) => remember(&self.good, secret, found.clone()),
            None => drop(lock(&self.good).remove(&secret)),
        }
    }

    /// What the database last said of a secret, if that is remembered.
    pub(super) fn recall(&self, secret: &Secret) -> Option<Found> {
        lock(&self.good).get(secret).cloned()
    }

    /// Forgets that a key was good: it is revoked, or has another secret.
    pub(super) fn forget(&self, key: ApiKeyId) {
        lock(&self.good).retain(|_, found| found.key.id != key);
    }

    /// Notes that a key was used.
    pub(super) fn note_use(&self, key: ApiKeyId, now: Time) {
        remember(&self.used, key, now);
    }

    /// When which keys were used that nobody wrote down yet.
    pub(super) fn take_used(&self) -> HashMap<ApiKeyId, Time> {
        std::mem::take(&mut *lock(&self.used))
    }

    /// Up to when changes that others made are known.
    pub(super) fn looked_at(&self) -> Option<Time> {
        *lock(&self.looked_at)
    }

    /// Notes up to when changes that others made are known.
    pub(super) fn note_look(&self, now: Time) {
        *lock(&self.looked_at) = Some(now);
    }
}
