//! One open instance: a task that owns its store, makes the calls it is asked for, several at once, and replaces the
//! store when it has died or grown too large.
//!
//! A trap, a spent budget or a passed deadline drops the store and fails the calls under way and all later ones with
//! the same cause. Whoever wants to go on opens a new instance.

use std::sync::{Arc, OnceLock};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use wasmtime::Store;

use super::call::{Call, Reply, Role, RoleIndices};
use super::component::Component;
use super::imports::{Grants, State};
use super::limits::Limits;
use crate::failure::Failure;

/// Everything that opening an instance takes, so that it can be done again.
pub(super) struct Recipe {
    pub(super) component: Component,
    pub(super) indices: RoleIndices,
    pub(super) grants: Arc<Grants>,
    pub(super) limits: Limits,
    pub(super) config: String,
}

/// A handle on an open instance. Dropping it ends the instance.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    calls: mpsc::Sender<Call>,
    limits: Limits,
    /// Why the store died; told to callers whose reply was lost with it.
    death: Death,
    keeper: AbortHandle,
}

/// The first cause of a store's death.
#[derive(Debug, Clone, Default)]
struct Death(Arc<OnceLock<Failure>>);

impl Death {
    fn record(&self, failure: Failure) {
        // Only the first cause counts; what follows is its consequence.
        let _ = self.0.set(failure);
    }

    fn cause(&self) -> Failure {
        self.0.get().cloned().unwrap_or_else(|| Failure::fatal("the component is no longer running"))
    }
}

impl Instance {
    /// Instantiates the component and opens it with its configuration.
    pub(super) async fn open(recipe: Recipe) -> Result<Self, Failure> {
        let limits = recipe.limits.clone();
        let death = Death::default();
        let (calls, asked) = mpsc::channel(limits.calls_at_once);
        let alive = timeout(limits.call, Alive::start(&recipe)).await;
        let alive = alive.unwrap_or_else(|_| Err(took_too_long(&recipe)))?;
        let keeper = tokio::spawn(Keeper { recipe, asked, death: death.clone() }.keep(alive)).abort_handle();
        Ok(Self { calls, limits, death, keeper })
    }

    /// Makes one call and waits for its reply.
    pub(super) async fn call<T>(&self, make: impl FnOnce(Reply<T>) -> Call) -> Result<T, Failure> {
        let (reply, replied) = oneshot::channel();
        let exchange = async {
            // Either error means that the keeper or the store is gone, and `death` says why.
            self.calls.send(make(reply)).await.ok()?;
            replied.await.ok()
        };
        match timeout(self.limits.call, exchange).await {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                // The keeper records the cause before it goes.
                self.calls.closed().await;
                Err(self.death.cause())
            }
            Err(_) => {
                let late = "the component took longer than `limits.call_timeout_ms` for one call";
                self.death.record(Failure::fatal(late));
                // Drops the store, and with it the call that would not end.
                self.keeper.abort();
                Err(self.death.cause())
            }
        }
    }
}

fn took_too_long(recipe: &Recipe) -> Failure {
    let component = &recipe.grants.component;
    Failure::fatal(format!("the component `{component}` took longer than `limits.call_timeout_ms` to open"))
}

/// A store whose instance is open.
struct Alive {
    store: Store<State>,
    role: Role,
}

impl Alive {
    async fn start(recipe: &Recipe) -> Result<Self, Failure> {
        let mut store = recipe.component.store(Arc::clone(&recipe.grants), &recipe.limits);
        match Self::instantiate(recipe, &mut store).await {
            Ok(opened) => opened.map(|role| Self { store, role }),
            Err(error) => Err(explain(&error, store.data(), &recipe.grants.component)),
        }
    }

    async fn instantiate(
        recipe: &Recipe,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Result<Role, Failure>> {
        let instance = recipe.component.pre().instantiate_async(&mut *store).await?;
        let role = recipe.indices.load(&mut *store, &instance)?;
        let config = recipe.config.clone();
        store
            .run_concurrent(async move |accessor| Ok(role.open(accessor, config).await?.map(|()| role)))
            .await?
    }
}

/// The task behind an instance.
struct Keeper {
    recipe: Recipe,
    asked: mpsc::Receiver<Call>,
    death: Death,
}

/// Why calls stopped being made.
enum Pause {
    /// Nobody will ask again.
    Abandoned,
    /// The instance is idle and its memory has grown too large.
    Grown,
}

impl Keeper {
    async fn keep(mut self, mut alive: Alive) {
        // Ends when the handle is dropped, or with the first store that cannot be opened again.
        loop {
            match self.serve(&mut alive).await {
                Ok(Pause::Abandoned) => return,
                Ok(Pause::Grown) => {
                    tracing::debug!(component = self.recipe.grants.component, "instance recycled");
                }
                Err(error) => {
                    let failure = explain(&error, alive.store.data(), &self.recipe.grants.component);
                    return self.death.record(failure);
                }
            }
            match Alive::start(&self.recipe).await {
                Ok(next) => alive = next,
                Err(failure) => return self.death.record(failure),
            }
        }
    }

    /// Makes calls until there is a reason to pause. An error means that the store is dead.
    async fn serve(&mut self, alive: &mut Alive) -> wasmtime::Result<Pause> {
        let Alive { store, role } = alive;
        let (asked, limits) = (&mut self.asked, &self.recipe.limits);
        let serving = store.run_concurrent(async move |accessor| {
            let mut under_way = FuturesUnordered::new();
            loop {
                let may_ask = under_way.len() < limits.calls_at_once;
                tokio::select! {
                    call = asked.recv(), if may_ask => match call {
                        Some(call) => {
                            accessor.with(|mut access| access.data_mut().cpu.refill());
                            under_way.push(role.make(accessor, call));
                        }
                        None if under_way.is_empty() => return Ok(Pause::Abandoned),
                        None => {
                            // No more calls will come; finish those under way.
                            while let Some(done) = under_way.next().await {
                                done?;
                            }
                            return Ok(Pause::Abandoned);
                        }
                    },
                    Some(done) = under_way.next() => done?,
                }
                let grown =
                    accessor.with(|mut access| access.data_mut().limiter.memory) > limits.recycle_above();
                if grown && under_way.is_empty() {
                    return Ok(Pause::Grown);
                }
            }
        });
        serving.await?
    }
}

/// Turns a dead store into a sentence.
fn explain(error: &wasmtime::Error, state: &State, component: &str) -> Failure {
    let reason = match error.downcast_ref::<wasmtime::Trap>() {
        _ if state.cpu.is_spent() => "it used more processor time than one call may (10 s)".to_owned(),
        _ if state.limiter.refused => {
            "it needed more memory than `limits.memory_bytes` allows; raise it if you trust the component"
                .to_owned()
        }
        Some(wasmtime::Trap::StackOverflow) => "its calls nested too deeply (stack overflow)".to_owned(),
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    let last_words =
        state.last_words.as_ref().map(|words| format!("; its last words: {words}")).unwrap_or_default();
    Failure::fatal(format!("the component `{component}` crashed: {reason}{last_words}"))
}
