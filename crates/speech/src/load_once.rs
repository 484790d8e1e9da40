//! A value that is made at its first use.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::SpeechError;

/// A value that the first caller loads while all others wait for it, so that a model is read and held in memory once
/// however many ask for it at the same time.
///
/// Loading blocks: asynchronous code calls it on a thread that may.
pub(crate) struct LoadOnce<T> {
    loaded: OnceLock<T>,
    /// Held by the caller that loads.
    loading: Mutex<()>,
}

impl<T> LoadOnce<T> {
    pub(crate) const fn new() -> Self {
        Self { loaded: OnceLock::new(), loading: Mutex::new(()) }
    }

    /// The value, if it was loaded.
    pub(crate) fn get(&self) -> Option<&T> {
        self.loaded.get()
    }

    /// The value, loaded by `load` unless it was before. After a failure the next caller tries again.
    pub(crate) fn get_or_load(&self, load: impl FnOnce() -> Result<T, SpeechError>) -> Result<&T, SpeechError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        // A caller that panicked while it loaded left nothing behind.
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        match self.loaded.get() {
            Some(loaded) => Ok(loaded),
            None => {
                let loaded = load()?;
                Ok(self.loaded.get_or_init(|| loaded))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;

    #[test]
    fn of_many_first_users_one_loads() {
        let (cell, loads, together) = (LoadOnce::new(), AtomicUsize::new(0), Barrier::new(8));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    let load = || {
                        // Others arrive while this one loads.
                        thread::yield_now();
                        Ok(loads.fetch_add(1, Ordering::SeqCst) + 1)
                    };
                    assert_eq!(*cell.get_or_load(load).unwrap(), 1);
                });
            }
        });
        assert_eq!(loads.into_inner(), 1);
    }

    #[test]
    fn a_load_that_failed_is_tried_again() {
        let cell = LoadOnce::new();
        assert!(matches!(cell.get_or_load(|| Err::<u8, _>(SpeechError::Cancelled)), Err(SpeechError::Cancelled)));
        assert_eq!(cell.get(), None);
        assert_eq!(*cell.get_or_load(|| Ok(7)).unwrap(), 7);
        assert_eq!(*cell.get_or_load(|| Err(SpeechError::Cancelled)).unwrap(), 7);
    }
}
