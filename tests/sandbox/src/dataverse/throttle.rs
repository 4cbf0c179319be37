//! Service-protection limits: requests, execution time and concurrency per user and web server.
//!
//! See <https://learn.microsoft.com/power-apps/developer/data-platform/api-limits>. Pure: the caller brings the time.

use std::collections::{HashMap, VecDeque};

use super::error::ApiError;
use super::options::ServiceProtection;

/// What one user did at one server within the window.
#[derive(Default)]
struct Window {
    /// Start and execution time of finished and running requests, in milliseconds.
    requests: VecDeque<(u64, u64)>,
    execution_ms: u64,
    running: u32,
    blocked_until_ms: u64,
}

/// All windows, by user and server number.
#[derive(Default)]
pub(crate) struct Throttle {
    windows: HashMap<(u16, u32), Window>,
}

/// What the `x-ms-ratelimit-*` headers say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remaining {
    pub(crate) requests: u32,
    pub(crate) execution_ms: u64,
}

impl Throttle {
    /// Counts a request in, or refuses it with 429. An admitted request must be handed to [`Throttle::finish`].
    pub(crate) fn admit(
        &mut self,
        key: (u16, u32),
        limits: Option<&ServiceProtection>,
        concurrency_limit: Option<u32>,
        now_ms: u64,
    ) -> Result<Remaining, ApiError> {
        let window = self.windows.entry(key).or_default();
        let remaining = limits.map(|limits| window.judge(limits, now_ms)).transpose()?;
        let most = [limits.map(|limits| limits.concurrency), concurrency_limit].into_iter().flatten().min();
        if let Some(most) = most.filter(|most| window.running >= *most) {
            let text = format!("Number of concurrent requests exceeded the limit of {most}.");
            return Err(refusal("0x80072326", text, 1));
        }
        window.running += 1;
        if limits.is_some() {
            window.requests.push_back((now_ms, 0));
        }
        let standard = ServiceProtection::default();
        Ok(remaining
            .unwrap_or(Remaining { requests: standard.requests, execution_ms: standard.execution_ms }))
    }

    /// Counts a request out with the time it took.
    pub(crate) fn finish(&mut self, key: (u16, u32), started_ms: u64, took_ms: u64) {
        let Some(window) = self.windows.get_mut(&key) else { return };
        window.running = window.running.saturating_sub(1);
        if let Some(entry) = window.requests.iter_mut().find(|entry| entry.0 == started_ms && entry.1 == 0) {
            entry.1 = took_ms;
            window.execution_ms += took_ms;
        }
    }
}

impl Window {
    fn judge(&mut self, limits: &ServiceProtection, now_ms: u64) -> Result<Remaining, ApiError> {
        while let Some((started, took)) = self.requests.front().copied() {
            if started.saturating_add(limits.window_ms) > now_ms {
                break;
            }
            self.requests.pop_front();
            self.execution_ms = self.execution_ms.saturating_sub(took);
        }
        let most = usize::try_from(limits.requests).unwrap_or(usize::MAX);
        let seconds = limits.window_ms / 1000;
        if self.requests.len() >= most {
            let text = format!(
                "Number of requests exceeded the limit of {} over time window of {seconds} seconds.",
                limits.requests
            );
            return Err(self.block("0x80072322", text, limits, now_ms));
        }
        if self.execution_ms >= limits.execution_ms {
            let text = format!(
                "Combined execution time of incoming requests exceeded limit of {} milliseconds over time window of \
                 {seconds} seconds. Decrease number of concurrent requests or reduce the duration of requests and \
                 try again later.",
                grouped(limits.execution_ms)
            );
            return Err(self.block("0x80072321", text, limits, now_ms));
        }
        let used = u32::try_from(self.requests.len()).unwrap_or(u32::MAX);
        Ok(Remaining {
            requests: limits.requests.saturating_sub(used + 1),
            execution_ms: limits.execution_ms.saturating_sub(self.execution_ms),
        })
    }

    /// The wait until enough of the window has passed; it grows by a second for every request sent meanwhile.
    fn block(
        &mut self,
        code: &'static str,
        text: String,
        limits: &ServiceProtection,
        now_ms: u64,
    ) -> ApiError {
        let oldest = self.requests.front().map_or(now_ms, |entry| entry.0);
        let free_ms = oldest.saturating_add(limits.window_ms);
        let latest_ms = now_ms.saturating_add(limits.window_ms);
        let grown_ms = if self.blocked_until_ms > now_ms { self.blocked_until_ms + 1000 } else { free_ms };
        self.blocked_until_ms = grown_ms.max(free_ms).min(latest_ms);
        let wait_ms = self.blocked_until_ms.saturating_sub(now_ms);
        refusal(code, text, wait_ms.div_ceil(1000).max(1))
    }
}

fn refusal(code: &'static str, text: String, seconds: u64) -> ApiError {
    ApiError { retry_after_s: Some(seconds), ..ApiError::new(429, code, text) }
}

/// A whole number with commas, as the vendor's text has it.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ServiceProtection {
        ServiceProtection { requests: 3, execution_ms: 1000, concurrency: 2, window_ms: 10_000 }
    }

    #[test]
    fn the_request_window_slides_and_the_wait_grows() {
        let (mut throttle, limits) = (Throttle::default(), limits());
        for now in [0, 1, 2] {
            throttle.admit((0, 0), Some(&limits), None, now).unwrap();
            throttle.finish((0, 0), now, 1);
        }
        let first = throttle.admit((0, 0), Some(&limits), None, 3000).unwrap_err();
        assert_eq!((first.code.as_ref(), first.retry_after_s), ("0x80072322", Some(7)));
        let second = throttle.admit((0, 0), Some(&limits), None, 3000).unwrap_err();
        assert_eq!(second.retry_after_s, Some(8));
        assert!(throttle.admit((1, 0), Some(&limits), None, 3000).is_ok(), "another user is not held back");
        assert!(throttle.admit((0, 0), Some(&limits), None, 10_001).is_ok());
    }

    #[test]
    fn execution_time_and_concurrency_have_codes_of_their_own() {
        let (mut throttle, limits) = (Throttle::default(), limits());
        throttle.admit((0, 0), Some(&limits), None, 0).unwrap();
        throttle.admit((0, 0), Some(&limits), None, 1).unwrap();
        let crowd = throttle.admit((0, 0), Some(&limits), None, 2).unwrap_err();
        assert_eq!((crowd.code.as_ref(), crowd.retry_after_s), ("0x80072326", Some(1)));
        throttle.finish((0, 0), 0, 600);
        throttle.finish((0, 0), 1, 400);
        let time = throttle.admit((0, 0), Some(&limits), None, 5).unwrap_err();
        assert_eq!(time.code, "0x80072321");
        assert!(time.message.contains("1,000 milliseconds over time window of 10 seconds"));
    }
}
