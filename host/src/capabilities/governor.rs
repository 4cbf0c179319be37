//! Keeps the requests to one origin with one credential within bounds: so many at once, and none while the vendor
//! asked for a pause.
//!
//! Which answers are repeated, and when, is decided in `http`; this only holds requests back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::origin::Origin;

/// An origin, and the credential that is attached there.
type Key = (Origin, Option<String>);

/// One governor for each origin and credential.
#[derive(Debug)]
pub struct Governors {
    at_once: usize,
    each: Mutex<HashMap<Key, Arc<Governor>>>,
}

impl Governors {
    /// Each lets `at_once` requests through at a time.
    pub fn new(at_once: usize) -> Self {
        Self { at_once, each: Mutex::default() }
    }

    /// The governor of that origin and credential.
    pub fn of(&self, origin: &Origin, credential: Option<&str>) -> Arc<Governor> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (origin.clone(), credential.map(str::to_owned));
        Arc::clone(each.entry(key).or_insert_with(|| Arc::new(Governor::new(self.at_once))))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Governor {
    permits: Semaphore,
    paused_until: Mutex<Option<Instant>>,
}

/// The call's deadline would pass before the governor lets the request through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadlinePassed;

impl Governor {
    fn new(at_once: usize) -> Self {
        Self { permits: Semaphore::new(at_once), paused_until: Mutex::new(None) }
    }

    /// Waits for a free place and for the end of any pause, at most until `deadline`.
    pub async fn admit(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, DeadlinePassed> {
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        // The semaphore is never closed, so an inner error cannot occur; treating it as a deadline is harmless.
        let permit = permit.ok().and_then(Result::ok).ok_or(DeadlinePassed)?;
        // A pause may be prolonged while it is waited for; the deadline bounds the loop.
        while let Some(until) = self.pause() {
            if until > deadline {
                return Err(DeadlinePassed);
            }
            sleep_until(until).await;
        }
        Ok(permit)
    }

    /// Lets no request through before `until`. Never shortens a pause.
    pub fn pause_until(&self, until: Instant) {
        let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = Some(paused.map_or(until, |earlier| earlier.max(until)));
    }

    fn pause(&self) -> Option<Instant> {
        let paused = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        paused.filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn far() -> Instant {
        Instant::now() + 3600 * SECOND
    }

    #[tokio::test(start_paused = true)]
    async fn lets_only_so_many_through() {
        let governor = Governor::new(2);
        let _first = governor.admit(far()).await.unwrap();
        let second = governor.admit(far()).await.unwrap();
        assert_eq!(governor.admit(Instant::now() + SECOND).await.err(), Some(DeadlinePassed));
        drop(second);
        assert!(governor.admit(far()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everyone_and_is_never_shortened() {
        let governor = Governor::new(8);
        let start = Instant::now();
        governor.pause_until(start + 5 * SECOND);
        governor.pause_until(start + SECOND);
        drop(governor.admit(far()).await.unwrap());
        assert_eq!(start.elapsed(), 5 * SECOND);
        drop(governor.admit(far()).await.unwrap());
        assert_eq!(start.elapsed(), 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_the_deadline_fails_at_once() {
        let governor = Governor::new(1);
        let start = Instant::now();
        governor.pause_until(start + 60 * SECOND);
        assert_eq!(governor.admit(start + 10 * SECOND).await.err(), Some(DeadlinePassed));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[test]
    fn each_origin_and_credential_has_its_own() {
        let governors = Governors::new(1);
        let origin = Origin::parse("https://a.example").unwrap();
        assert!(Arc::ptr_eq(&governors.of(&origin, Some("x")), &governors.of(&origin, Some("x"))));
        assert!(!Arc::ptr_eq(&governors.of(&origin, Some("x")), &governors.of(&origin, None)));
    }
}
