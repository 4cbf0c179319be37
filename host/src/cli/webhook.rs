//! `sluice webhook`: receives notices without a listener, works off what they told of, and manages subscriptions.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::args::{self, Hook, Webhook as Command};
use super::exit::Exit;
use super::http_request;
use super::output::{Output, amount, forgive_closed, lines, say, table};
use super::progress::progress;
use super::prologue::{Loaded, assemble};
use super::run::{store_path, text};
use super::selection::Narrowed;
use super::signals::Signals;
use crate::assembly::{Assembly, SystemClock, job};
use crate::failure::Failure;
use crate::pipeline::port::{Clock, Connect, Mode, Source, Subscription, Webhook};
use crate::pipeline::{Answer, Engine, Receiver};
use crate::runtime::OpenWebhook;
use crate::store::{SqliteStore, StoreOptions};

pub(super) async fn webhook(command: &Command, output: &Output) -> Exit {
    match command {
        Command::Receive(arguments) => receive(arguments, output).await,
        Command::Deliver(hook) => deliver(hook, output).await,
        Command::Subscribe(arguments) => {
            let url = arguments.url.as_str();
            manage(&arguments.manifest, output, |side| subscribe(side, url, &arguments.narrowed)).await
        }
        Command::List(arguments) => manage(arguments, output, list).await,
        Command::Renew(arguments) => {
            let url = arguments.url.as_deref();
            manage(&arguments.manifest, output, |side| renew(side, url, &arguments.narrowed)).await
        }
        Command::Remove(arguments) => {
            manage(&arguments.manifest, output, |side| remove(side, &arguments.id)).await
        }
    }
}

/// A pipeline with its store.
struct Open {
    loaded: Loaded,
    assembly: Assembly,
    store: Arc<SqliteStore>,
}

fn open(hook: &Hook, output: Output) -> Result<Open, Exit> {
    let (loaded, assembly) = assemble(&hook.manifest, output)?;
    let pipeline = &loaded.pipeline;
    let path = store_path(hook.store.as_ref(), pipeline.store_path.as_ref(), &pipeline.name);
    let store = SqliteStore::open(path, &StoreOptions::default())
        .map_err(|error| output.fail(Exit::Failed, &error.to_string()))?;
    Ok(Open { loaded, assembly, store: Arc::new(store) })
}

/// Judges one raw request, keeps what it tells of, prints the answer, and only then fetches and writes.
async fn receive(arguments: &args::Receive, output: &Output) -> Exit {
    let request = match raw(&arguments.request).and_then(|bytes| http_request::parse(&bytes)) {
        Ok(request) => request,
        Err(problem) => {
            say(&format!("error: cannot take the request: {problem}"));
            return refuse(400, "no request that can be understood", Exit::Failed, *output);
        }
    };
    // Whoever handed the request over waits for an answer, whatever is wrong here.
    let busy = "not judged; the receiver says why";
    let open = match open(&arguments.hook, Output::new(args::Format::Text)) {
        Ok(open) => open,
        Err(exit) => return refuse(500, busy, exit, *output),
    };
    let webhook = match open.assembly.connect.source.open_webhook().await {
        Ok(webhook) => webhook,
        Err(failure) => {
            say(&format!("error: {failure}"));
            return refuse(503, busy, Exit::of(&failure), *output);
        }
    };
    let receiver = Receiver {
        webhook,
        store: Arc::clone(&open.store),
        clock: Arc::new(SystemClock),
        pipeline: open.loaded.pipeline.name.as_str().into(),
    };
    let answer = receiver.handle(request).await;
    print_answer(&answer, *output);
    let accepted = (200..300).contains(&answer.status);
    match (accepted, arguments.no_deliver) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Success,
        (true, false) => work_off(open, *output).await,
    }
}

/// An answer of this program's own.
fn refuse(status: u16, sentence: &str, exit: Exit, output: Output) -> Exit {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    let body = format!("{sentence}\n").into_bytes();
    print_answer(&Answer { status, headers, body, ..Answer::default() }, output);
    exit
}

async fn deliver(hook: &Hook, output: &Output) -> Exit {
    match open(hook, *output) {
        Ok(open) => work_off(open, *output).await,
        Err(exit) => exit,
    }
}

/// Fetches and writes what waits.
async fn work_off(open: Open, output: Output) -> Exit {
    let signals = match Signals::listen(output) {
        Ok(signals) => signals,
        Err(error) => return output.fail(Exit::Failed, &format!("cannot listen for signals: {error}")),
    };
    let clock = Arc::new(SystemClock);
    let jitter = u64::from(std::process::id()) ^ clock.now_ms();
    let job = Arc::new(job(&open.loaded.pipeline, Mode::Apply, jitter));
    let Assembly { connect, http } = open.assembly;
    let engine = Engine { connect: Arc::new(connect), store: open.store, clock, progress: progress(output) };
    let report = engine.deliver(&job, &signals.stop).await;
    output.result(&json!({ "delivery": report }), || text(&report, &http.tally().traffic()));
    Exit::of_report(&report)
}

/// The whole request: from a file, or from standard input.
fn raw(path: &Path) -> Result<Vec<u8>, String> {
    let limit = http_request::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    Ok(bytes)
}

/// The answer as it would go over the wire, or as one JSON line. Nothing is held back in a buffer: whoever sends it on
/// must not wait for the delivery.
fn print_answer(answer: &Answer, output: Output) {
    if output.is_json() {
        let headers: BTreeMap<&str, &str> =
            answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = String::from_utf8_lossy(&answer.body);
        let reply = json!({ "status": answer.status, "headers": headers, "body": body });
        return output.result(&json!({ "reply": reply, "receipt": answer.receipt }), String::new);
    }
    let mut text = format!("HTTP/1.1 {}\r\n", answer.status);
    for (name, value) in &answer.headers {
        text += &format!("{name}: {value}\r\n");
    }
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&answer.body);
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    let written = io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush());
    if let Err(error) = written.or_else(forgive_closed) {
        say(&format!("error: cannot write to standard output: {error}"));
    }
}

/// Both sides of the component that subscriptions need.
struct Side {
    webhook: OpenWebhook,
    assembly: Assembly,
    stream: String,
}

/// What was done to subscriptions.
#[derive(Serialize)]
struct Managed {
    /// Ids of those that were ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
    /// Those that exist now, as far as the command is concerned.
    subscriptions: Vec<Subscription>,
}

async fn manage<F>(manifest: &args::Manifest, output: &Output, work: impl FnOnce(Side) -> F) -> Exit
where
    F: Future<Output = Result<Managed, Failure>>,
{
    let (loaded, assembly) = match assemble(manifest, *output) {
        Ok(assembled) => assembled,
        Err(exit) => return exit,
    };
    let managed = async {
        let webhook = assembly.connect.source.open_webhook().await?;
        work(Side { webhook, assembly, stream: loaded.pipeline.source.stream.clone() }).await
    };
    match managed.await {
        Ok(managed) => {
            output.result(&managed, || told(&managed));
            Exit::Success
        }
        Err(failure) => output.fail(Exit::of(&failure), &failure.to_string()),
    }
}

async fn list(side: Side) -> Result<Managed, Failure> {
    Ok(Managed { removed: Vec::new(), subscriptions: side.webhook.subscriptions().await? })
}

async fn subscribe(side: Side, url: &str, narrowed: &Narrowed) -> Result<Managed, Failure> {
    let subscriptions = side.webhook.subscribe(url, narrowed.to_json().as_deref()).await?;
    Ok(Managed { removed: Vec::new(), subscriptions })
}

async fn remove(side: Side, ids: &[String]) -> Result<Managed, Failure> {
    let ids = match ids {
        [] => side.webhook.subscriptions().await?.into_iter().map(|subscription| subscription.id).collect(),
        ids => ids.to_vec(),
    };
    Ok(Managed { removed: side.webhook.unsubscribe(ids).await?, subscriptions: Vec::new() })
}

/// Ends what is there and subscribes again: a blocked subscription starts over.
async fn renew(side: Side, url: Option<&str>, narrowed: &Narrowed) -> Result<Managed, Failure> {
    let selection = narrowed.to_json();
    let source = side.assembly.connect.source().await?;
    let partitions = source.partitions(&side.stream, selection.as_deref()).await?;
    let chosen = |subscription: &Subscription| {
        partitions.iter().any(|partition| partition.id == subscription.partition)
            && url.is_none_or(|url| url == subscription.url)
    };
    let mut by_url: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for subscription in side.webhook.subscriptions().await?.into_iter().filter(chosen) {
        by_url.entry(subscription.url).or_default().push(subscription.id);
    }
    let mut managed = Managed { removed: Vec::new(), subscriptions: Vec::new() };
    for (url, ids) in by_url {
        managed.removed.extend(side.webhook.unsubscribe(ids).await?);
        managed.subscriptions.extend(side.webhook.subscribe(&url, selection.as_deref()).await?);
    }
    Ok(managed)
}

fn told(managed: &Managed) -> String {
    let mut parts = Vec::new();
    if !managed.subscriptions.is_empty() {
        let mut rows = table(&["id", "partition", "state", "url"]);
        for Subscription { id, url, partition, state, .. } in &managed.subscriptions {
            rows.add_row([id, partition, state, url]);
        }
        parts.push(lines(&rows));
        parts.push(String::new());
    }
    if !managed.removed.is_empty() {
        parts.push(format!("{} removed", amount(managed.removed.len() as u64, "subscription")));
    }
    if !managed.subscriptions.is_empty() || managed.removed.is_empty() {
        parts.push(amount(managed.subscriptions.len() as u64, "subscription"));
    }
    parts.join("\n")
}
