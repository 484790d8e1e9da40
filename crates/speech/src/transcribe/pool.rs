//! What engines work with, as many as may work at a time on this machine, whoever calls.

use std::{
    num::NonZeroUsize,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::TranscribeControl;
use crate::SpeechError;

/// How often a caller that waits for a free seat looks at its deadline.
const WAIT_STEP: Duration = Duration::from_millis(50);

/// Seats to work in; what one holds is made when first needed and kept for the next caller.
pub(super) struct Pool<T> {
    seats: Mutex<Seats<T>>,
    freed: Condvar,
    limit: usize,
}

struct Seats<T> {
    idle: Vec<T>,
    taken: usize,
}

impl<T> Pool<T> {
    pub(super) fn new(limit: NonZeroUsize) -> Self {
        let seats = Mutex::new(Seats { idle: Vec::new(), taken: 0 });
        Self { seats, freed: Condvar::new(), limit: limit.get() }
    }

    /// How many seats there are.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Runs `work` in a seat, waiting for one as long as `control` allows. What is in it is kept only if its work went
    /// well: what a failed or aborted call leaves there is nobody's to know.
    pub(super) fn with_seat<R>(
        &self,
        make: impl FnOnce() -> Result<T, SpeechError>,
        control: &TranscribeControl<'_>,
        work: impl FnOnce(&mut T) -> Result<R, SpeechError>,
    ) -> Result<R, SpeechError> {
        let mut seat = self.take_seat(control)?;
        let mut held = match seat.held.take() {
            Some(held) => held,
            None => make()?,
        };
        let result = work(&mut held)?;
        seat.held = Some(held);
        Ok(result)
    }

    fn take_seat(&self, control: &TranscribeControl<'_>) -> Result<Seat<'_, T>, SpeechError> {
        let mut seats = self.lock();
        while seats.taken >= self.limit {
            control.check()?;
            let waited = self.freed.wait_timeout(seats, WAIT_STEP);
            seats = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        seats.taken += 1;
        let held = seats.idle.pop();
        Ok(Seat { pool: self, held })
    }

    fn lock(&self) -> MutexGuard<'_, Seats<T>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to work in one seat, given back when dropped.
struct Seat<'a, T> {
    pool: &'a Pool<T>,
    held: Option<T>,
}

impl<T> Drop for Seat<'_, T> {
    fn drop(&mut self) {
        let mut seats = self.pool.lock();
        seats.taken -= 1;
        seats.idle.extend(self.held.take());
        self.pool.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
        time::Instant,
    };

    use super::*;

    fn pool(limit: usize) -> Pool<usize> {
        Pool::new(NonZeroUsize::new(limit).unwrap())
    }

    #[test]
    fn no_more_work_at_a_time_than_there_are_seats() {
        let (pool, made, working, most) = (pool(2), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let make = || Ok(made.fetch_add(1, Ordering::SeqCst));
                    let work = |_: &mut usize| {
                        most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(5));
                        working.fetch_sub(1, Ordering::SeqCst);
                        Ok(())
                    };
                    pool.with_seat(make, &TranscribeControl::default(), work).unwrap();
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        assert!(made.into_inner() <= 2, "what was made is used again");
    }

    #[test]
    fn what_failed_is_not_used_again_and_its_seat_is_free() {
        let pool = pool(1);
        let control = TranscribeControl::default();
        let failed = pool.with_seat(|| Ok(1), &control, |_| Err::<(), _>(SpeechError::Cancelled));
        assert!(matches!(failed, Err(SpeechError::Cancelled)));
        assert_eq!(pool.with_seat(|| Ok(2), &control, |held| Ok(*held)).unwrap(), 2);
    }

    #[test]
    fn who_waits_past_the_deadline_is_told() {
        let pool = pool(1);
        let control = TranscribeControl { deadline: Some(Instant::now()), ..TranscribeControl::default() };
        let outcome = pool.with_seat(
            || Ok(1),
            &TranscribeControl::default(),
            |_| Ok(pool.with_seat(|| Ok(2), &control, |_| Ok(()))),
        );
        assert!(matches!(outcome, Ok(Err(SpeechError::DeadlineExceeded))));
    }
}
