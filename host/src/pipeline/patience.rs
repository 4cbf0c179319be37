//! Waits out failures that may pass, within bounds.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::port::{Clock, Partition};
use super::progress::{Event, Progress};
use super::settings::{Job, RetryPolicy};
use super::stop::Stop;
use crate::failure::Failure;

/// Decides how long to wait before the next try of one call. Pure.
#[derive(Debug)]
pub(super) struct Retry {
    policy: RetryPolicy,
    seed: u64,
    delays: <ExponentialBuilder as BackoffBuilder>::Backoff,
    waited: Duration,
}

impl Retry {
    pub(super) fn new(policy: RetryPolicy, seed: u64) -> Self {
        Self { policy, seed, delays: delays(policy, seed), waited: Duration::ZERO }
    }

    /// How long to wait, or none if enough was waited. The vendor's wish counts where there is one.
    pub(super) fn next(&mut self, wish: Option<Duration>) -> Option<Duration> {
        // Also where the vendor has a wish: its tries count as well.
        let own = self.delays.next()?;
        let delay = wish.unwrap_or(own);
        let waited = self.waited.checked_add(delay).filter(|waited| *waited <= self.policy.max_wait)?;
        self.waited = waited;
        Some(delay)
    }

    /// Part of the work got through: tries start again, the total stays.
    pub(super) fn progressed(&mut self) {
        self.delays = delays(self.policy, self.seed);
    }

    pub(super) fn waited(&self) -> Duration {
        self.waited
    }
}

fn delays(policy: RetryPolicy, seed: u64) -> <ExponentialBuilder as BackoffBuilder>::Backoff {
    ExponentialBuilder::new()
        .with_min_delay(policy.min_delay)
        .with_max_delay(policy.max_delay)
        .with_max_times(policy.max_tries.saturating_sub(1) as usize)
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
}

/// Where work happens, and who is told.
pub(super) struct Site<C> {
    pub(super) clock: Arc<C>,
    pub(super) progress: Arc<dyn Progress>,
    pub(super) job: Arc<Job>,
    /// None while partitions are being listed.
    pub(super) partition: Option<Arc<Partition>>,
    pub(super) stop: Stop,
}

impl<C> Clone for Site<C> {
    fn clone(&self) -> Self {
        Self {
            clock: Arc::clone(&self.clock),
            progress: Arc::clone(&self.progress),
            job: Arc::clone(&self.job),
            partition: self.partition.clone(),
            stop: self.stop.clone(),
        }
    }
}

/// A failure that is not waited for any longer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenUp {
    pub(super) failure: Failure,
    /// Only because the end was asked for.
    pub(super) stopped: bool,
}

/// Waits out the failures of one call or page.
pub(super) struct Patience<C> {
    site: Site<C>,
    retry: Retry,
}

impl<C: Clock> Patience<C> {
    /// `salt` tells apart what waits at one time.
    pub(super) fn new(site: &Site<C>, salt: u64) -> Self {
        let partition = site
            .partition
            .as_ref()
            .map_or(0, |partition| xxhash_rust::xxh3::xxh3_64_with_seed(partition.id.as_bytes(), salt));
        let seed = site.job.jitter_seed ^ partition ^ salt.rotate_left(32);
        Self { site: site.clone(), retry: Retry::new(site.job.settings.retry, seed) }
    }

    /// Returns when to try again, or gives up.
    pub(super) async fn endure(&mut self, failure: Failure) -> Result<(), GivenUp> {
        let Failure::Retryable { wait, .. } = failure else {
            return Err(GivenUp { failure, stopped: false });
        };
        if self.site.stop.is_stopped() {
            return Err(GivenUp { failure, stopped: true });
        }
        let Some(delay) = self.retry.next(wait) else { return Err(GivenUp { failure, stopped: false }) };
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.site.progress.observe(Event::Waiting {
            partition: self.site.partition.as_deref(),
            failure: &failure,
            until_ms: self.site.clock.now_ms().saturating_add(delay_ms),
        });
        tracing::info!(
            pipeline = &*self.site.job.pipeline,
            partition = self.site.partition.as_ref().map(|partition| partition.id.as_str()),
            delay_ms,
            reason = %failure,
            "waiting before the next try"
        );
        tokio::select! {
            () = self.site.clock.sleep(delay) => Ok(()),
            () = self.site.stop.stopped() => Err(GivenUp { failure, stopped: true }),
        }
    }

    /// Repeats a call until it succeeds or patience ends.
    pub(super) async fn repeat<T, F>(&mut self, mut call: impl FnMut() -> F) -> Result<T, GivenUp>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        loop {
            match call().await {
                Ok(value) => return Ok(value),
                // Bounded: patience ends.
                Err(failure) => self.endure(failure).await?,
            }
        }
    }

    pub(super) fn progressed(&mut self) {
        self.retry.progressed();
    }

    pub(super) fn waited(&self) -> Duration {
        self.retry.waited()
    }
}
