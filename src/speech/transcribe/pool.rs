//! Whisper's working states, as many as may run at a time.

use std::{
    num::NonZeroUsize,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use whisper_rs::{WhisperContext, WhisperState};

use super::TranscribeControl;
use crate::speech::SpeechError;

/// How often a caller that waits for a free state looks at its deadline.
const WAIT_STEP: Duration = Duration::from_millis(50);

/// States to transcribe with, made when first needed and kept for the next caller.
pub(super) struct Pool {
    seats: Mutex<Seats>,
    freed: Condvar,
    limit: usize,
}

#[derive(Default)]
struct Seats {
    idle: Vec<WhisperState>,
    taken: usize,
}

impl Pool {
    pub(super) fn new(limit: NonZeroUsize) -> Self {
        Self { seats: Mutex::default(), freed: Condvar::new(), limit: limit.get() }
    }

    /// Runs `work` with a state, waiting for one as long as `control` allows. A state is kept only if its work went
    /// well: what a failed or aborted call leaves in it is nobody's to know.
    pub(super) fn with_state<T>(
        &self,
        context: &WhisperContext,
        control: &TranscribeControl<'_>,
        work: impl FnOnce(&mut WhisperState) -> Result<T, SpeechError>,
    ) -> Result<T, SpeechError> {
        let mut seat = self.take_seat(control)?;
        let mut state = match seat.state.take() {
            Some(state) => state,
            None => context
                .create_state()
                .map_err(|error| SpeechError::Engine(format!("whisper found no room to work in: {error}")))?,
        };
        let result = work(&mut state)?;
        seat.state = Some(state);
        Ok(result)
    }

    fn take_seat(&self, control: &TranscribeControl<'_>) -> Result<Seat<'_>, SpeechError> {
        let mut seats = self.lock();
        while seats.taken >= self.limit {
            control.check()?;
            let waited = self.freed.wait_timeout(seats, WAIT_STEP);
            seats = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        seats.taken += 1;
        let state = seats.idle.pop();
        Ok(Seat { pool: self, state })
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use one state, given back when dropped.
struct Seat<'a> {
    pool: &'a Pool,
    state: Option<WhisperState>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut seats = self.pool.lock();
        seats.taken -= 1;
        seats.idle.extend(self.state.take());
        self.pool.freed.notify_one();
    }
}
