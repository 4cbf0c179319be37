//! The calls that the host makes into an instance, as values, so that one task can own the store and make several at
//! once.

use tokio::sync::oneshot;
use wasmtime::component::{Accessor, Instance};

use super::bindings::exports::sluice::connector::{sink, source, webhook};
use super::imports::State;
use crate::failure::Failure;
use crate::pipeline::port::{Mode, NoticeReply, NoticeRequest, Page, ReadRequest, WriteReply};

/// What a call answers, and where to.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// One call.
pub(super) enum Call {
    Check(Reply<String>),
    Partitions { stream: String, selection: Option<String>, reply: Reply<String> },
    Read(ReadRequest, Reply<Page>),
    Fetch { stream: String, keys: Vec<String>, reply: Reply<Page> },
    Receive(NoticeRequest, Reply<NoticeReply>),
    Subscribe { callback_url: String, selection: Option<String>, reply: Reply<String> },
    Unsubscribe(Vec<String>, Reply<String>),
    Subscriptions(Reply<String>),
    Targets(Reply<String>),
    Prepare(Mode, Reply<String>),
    Write { batch: String, mode: Mode, reply: Reply<WriteReply> },
}

/// The exports of the role that an instance was opened for.
pub(super) enum Role {
    Source(source::Guest),
    Sink(sink::Guest),
    /// Uses what the source's `open` was given.
    Webhook(source::Guest, webhook::Guest),
}

/// How to find a role's exports in a component.
#[derive(Clone)]
pub(super) enum RoleIndices {
    Source(source::GuestIndices),
    Sink(sink::GuestIndices),
    Webhook(source::GuestIndices, webhook::GuestIndices),
}

impl RoleIndices {
    pub(super) fn load(
        &self,
        mut store: impl wasmtime::AsContextMut<Data = State>,
        instance: &Instance,
    ) -> wasmtime::Result<Role> {
        Ok(match self {
            Self::Source(indices) => Role::Source(indices.load(store, instance)?),
            Self::Sink(indices) => Role::Sink(indices.load(store, instance)?),
            Self::Webhook(source, webhook) => {
                Role::Webhook(source.load(&mut store, instance)?, webhook.load(store, instance)?)
            }
        })
    }
}

type Access = Accessor<State>;

impl Role {
    /// Hands the configuration to a new instance.
    pub(super) async fn open(
        &self,
        accessor: &Access,
        config: String,
    ) -> wasmtime::Result<Result<(), Failure>> {
        let opened = match self {
            Self::Source(guest) => guest.call_open(accessor, config).await?,
            Self::Sink(guest) => guest.call_open(accessor, config).await?,
            Self::Webhook(source, _) => source.call_open(accessor, config).await?,
        };
        Ok(opened.map_err(Into::into))
    }

    /// Makes one call and sends its reply. An error means that the store is dead.
    pub(super) async fn make(&self, accessor: &Access, call: Call) -> wasmtime::Result<()> {
        match (self, call) {
            (Self::Source(guest), Call::Check(reply)) => answer(reply, guest.call_check(accessor).await?),
            (Self::Sink(guest), Call::Check(reply)) => answer(reply, guest.call_check(accessor).await?),
            (Self::Source(guest), Call::Partitions { stream, selection, reply }) => {
                answer(reply, guest.call_partitions(accessor, stream, selection).await?);
            }
            (Self::Source(guest), Call::Read(request, reply)) => {
                answer(reply, guest.call_read(accessor, request.into()).await?);
            }
            (Self::Sink(guest), Call::Targets(reply)) => answer(reply, guest.call_targets(accessor).await?),
            (Self::Sink(guest), Call::Prepare(mode, reply)) => {
                answer(reply, guest.call_prepare(accessor, mode.into()).await?);
            }
            (Self::Sink(guest), Call::Write { batch, mode, reply }) => {
                answer(reply, guest.call_write(accessor, batch, mode.into()).await?);
            }
            (Self::Source(guest), Call::Fetch { stream, keys, reply }) => {
                answer(reply, guest.call_fetch(accessor, stream, keys).await?);
            }
            (Self::Webhook(_, guest), Call::Receive(request, reply)) => {
                answer(reply, guest.call_receive(accessor, request.into()).await?);
            }
            (Self::Webhook(_, guest), Call::Subscribe { callback_url, selection, reply }) => {
                answer(reply, guest.call_subscribe(accessor, callback_url, selection).await?);
            }
            (Self::Webhook(_, guest), Call::Unsubscribe(ids, reply)) => {
                answer(reply, guest.call_unsubscribe(accessor, ids).await?);
            }
            (Self::Webhook(_, guest), Call::Subscriptions(reply)) => {
                answer(reply, guest.call_subscriptions(accessor).await?);
            }
            // The handles of `connect` offer each role its own calls only.
            (Self::Source(_) | Self::Sink(_) | Self::Webhook(..), _) => {}
        }
        Ok(())
    }
}

/// A receiver that has gone away no longer wants the reply.
fn answer<T, W: Into<T>, F: Into<Failure>>(reply: Reply<T>, result: Result<W, F>) {
    let _ = reply.send(result.map(Into::into).map_err(Into::into));
}
