//! What one instance may use: memory, tables and processor time; and how its use is counted.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// How often the engine looks at running instances. CPU budgets are counted in these.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The limits of one instance.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory_bytes: u64,
    /// Processor time of the calls under way, since the last one began.
    pub cpu: Duration,
    /// One call, from the moment it is asked for to its reply.
    pub call: Duration,
    /// Calls under way in one instance.
    pub calls_at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            cpu: Duration::from_secs(10),
            call: Duration::from_secs(600),
            calls_at_once: 16,
        }
    }
}

impl Limits {
    /// Above this an idle instance is replaced, since linear memory never shrinks.
    pub(super) fn recycle_above(&self) -> usize {
        usize::try_from(self.memory_bytes / 4 * 3).unwrap_or(usize::MAX)
    }
}

/// Refuses growth beyond the limits and remembers that it did.
#[derive(Debug)]
pub(super) struct Limiter {
    max_memory: usize,
    pub(super) memory: usize,
    pub(super) refused: bool,
}

/// Elements of all tables of a component: generous for what toolchains make.
const MAX_TABLE: usize = 100_000;
/// Core instances, tables and memories of one component.
const MAX_ITEMS: usize = 64;

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        let max_memory = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
        Self { max_memory, memory: 0, refused: false }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // A component may have several memories; together they stay under the limit.
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        let allowed = total <= self.max_memory;
        if allowed {
            self.memory = total;
        }
        self.refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE)
    }

    fn instances(&self) -> usize {
        MAX_ITEMS
    }

    fn tables(&self) -> usize {
        MAX_ITEMS
    }

    fn memories(&self) -> usize {
        MAX_ITEMS
    }
}

/// Counts the ticks during which an instance ran.
#[derive(Debug)]
pub(super) struct Cpu {
    budget: u64,
    left: u64,
}

impl Cpu {
    pub(super) fn new(limits: &Limits) -> Self {
        let budget = u64::try_from(limits.cpu.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { budget, left: budget }
    }

    /// A call begins.
    pub(super) fn refill(&mut self) {
        self.left = self.budget;
    }

    /// The instance ran for one more tick; false when that was one too many.
    pub(super) fn spend(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_memories_share_one_limit() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.refused);
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert_eq!(limiter.memory, 100);
    }

    #[test]
    fn a_budget_ends_and_a_new_call_refills_it() {
        let mut cpu = Cpu::new(&Limits { cpu: 3 * TICK, ..Limits::default() });
        assert!(cpu.spend() && cpu.spend() && !cpu.spend());
        assert!(cpu.is_spent());
        cpu.refill();
        assert!(!cpu.is_spent());
    }
}
