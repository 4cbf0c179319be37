//! A component that misbehaves in the way its configuration names.
//!
//! It exists so that the host's defences are tried by a real component: `open` of source and sink take
//! `{"act": "..."}`, and every act is one thing that a broken or malicious component might do.

#![expect(missing_docs, reason = "generated items; their documentation is in wit/")]
#![expect(unsafe_code, reason = "the generated bindings cross the component boundary")]

use std::cell::RefCell;

wit_bindgen::generate!({
    path: "../../../wit",
    world: "connector-component",
    generate_all,
});

use exports::sluice::connector::sink::WriteReply;
use exports::sluice::connector::source::{Page, ReadRequest};
use exports::sluice::connector::webhook;
use sluice::connector::types::{Detail, Failure, Mode};
use sluice::connector::{clock, credentials, http, log};

thread_local! {
    static ACT: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Hostile;
export!(Hostile);

const NOTHING: &str = "{\"name\":\"hostile\",\"version\":\"0.1.0\",\"summary\":\"misbehaves on request\",\
    \"roles\":[\"source\",\"sink\"],\"streams\":[{\"name\":\"things\",\"description\":\"things\",\
    \"incremental\":true,\"schema\":{\"type\":\"object\"}}],\
    \"source\":{\"config\":{\"type\":\"object\"},\"credentials\":[],\"egress\":[]},\
    \"sink\":{\"config\":{\"type\":\"object\"},\"credentials\":[],\"egress\":[]}}";

fn fatal(message: impl Into<String>) -> Failure {
    Failure::Fatal(Detail { message: message.into(), code: None, facts: None })
}

fn page(records: String) -> Page {
    Page { records, cursor: "1".to_owned(), more: false, facts: None }
}

#[expect(unconditional_recursion, reason = "that is the attack")]
fn recurse(depth: u64) -> u64 {
    let pad = std::hint::black_box([depth; 64]);
    pad[7] + recurse(depth + 1)
}

async fn get(url: &str, headers: &[(&str, &str)]) -> Result<http::Response, http::Error> {
    http::send(http::Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: None,
        credential: None,
        repeatable: true,
    })
    .await
}

/// Does what the act names; `argument` is what follows the colon.
async fn misbehave(act: &str, argument: &str) -> Result<String, Failure> {
    match act {
        "spin" => loop {
            std::hint::black_box(clock::monotonic_ns());
        },
        "spin_without_calls" => loop {
            std::hint::spin_loop();
        },
        "memory" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        "recursion" => Ok(recurse(0).to_string()),
        "panic" => panic!("the hostile guest was told to panic"),
        "fetch" => match get(argument, &[]).await {
            Ok(response) => Ok(format!("{} {}", response.status, response.body.len())),
            Err(error) => Err(fatal(format!("{error:?}"))),
        },
        "forbidden_header" => match get(argument, &[("Authorization", "Bearer stolen")]).await {
            Ok(response) => Ok(response.status.to_string()),
            Err(error) => Err(fatal(format!("{error:?}"))),
        },
        "flood" => {
            for _ in 0..100_000 {
                log::write(log::Level::Warn, argument, "");
            }
            Ok(String::new())
        }
        "credentials" => Ok(format!(
            "{:?} {:?}",
            credentials::metadata(argument),
            credentials::hmac_sha256(argument, b"message")
        )),
        "ok" | "" => Ok(String::new()),
        other => Err(fatal(format!("no such act: {other}"))),
    }
}

async fn act_now() -> Result<String, Failure> {
    let act = ACT.with_borrow(Clone::clone);
    let (name, argument) = act.split_once('|').unwrap_or((&act, ""));
    misbehave(name, argument).await
}

async fn open(config: String) -> Result<(), Failure> {
    std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string(), "")));
    let config: serde_json::Value = serde_json::from_str(&config).map_err(|e| fatal(e.to_string()))?;
    let act = config["act"].as_str().unwrap_or_default().to_owned();
    let at_once = config["at_once"].as_bool().unwrap_or_default();
    ACT.set(act);
    if at_once {
        act_now().await?;
    }
    Ok(())
}

impl exports::sluice::connector::connector::Guest for Hostile {
    fn describe() -> String {
        NOTHING.to_owned()
    }
}

impl exports::sluice::connector::source::Guest for Hostile {
    async fn open(config: String) -> Result<(), Failure> {
        open(config).await
    }

    async fn check() -> Result<String, Failure> {
        act_now().await
    }

    async fn partitions(_stream: String, _selection: Option<String>) -> Result<String, Failure> {
        Ok("{\"id\":\"only\",\"name\":\"The only one\",\"state\":\"active\"}\n".to_owned())
    }

    async fn read(request: ReadRequest) -> Result<Page, Failure> {
        let act = ACT.with_borrow(Clone::clone);
        match act.as_str() {
            "too_many_records" => {
                let line = "{\"key\":\"k\",\"op\":\"upsert\",\"stream\":\"things\",\"data\":{}}\n";
                Ok(page(line.repeat(request.max_records as usize + 1)))
            }
            "too_many_bytes" => Ok(page(" ".repeat(request.max_bytes as usize + 1))),
            "not_json" => Ok(page("this is not JSON\n".to_owned())),
            "huge_page" => Ok(page("x".repeat(40 << 20))),
            _ => act_now().await.map(|_| page(String::new())),
        }
    }

    async fn fetch(_stream: String, _keys: Vec<String>) -> Result<Page, Failure> {
        Ok(page(String::new()))
    }
}

impl exports::sluice::connector::sink::Guest for Hostile {
    async fn open(config: String) -> Result<(), Failure> {
        open(config).await
    }

    async fn check() -> Result<String, Failure> {
        act_now().await
    }

    async fn targets() -> Result<String, Failure> {
        Ok(String::new())
    }

    async fn prepare(_mode: Mode) -> Result<String, Failure> {
        Ok(String::new())
    }

    async fn write(_batch: String, _mode: Mode) -> Result<WriteReply, Failure> {
        act_now().await.map(|_| WriteReply { outcomes: String::new(), stopped: None })
    }
}

impl webhook::Guest for Hostile {
    async fn receive(_request: webhook::Request) -> Result<webhook::Reply, Failure> {
        Err(fatal("not a webhook"))
    }

    async fn subscribe(_callback_url: String, _selection: Option<String>) -> Result<String, Failure> {
        Err(fatal("not a webhook"))
    }

    async fn unsubscribe(_ids: Vec<String>) -> Result<String, Failure> {
        Err(fatal("not a webhook"))
    }

    async fn subscriptions() -> Result<String, Failure> {
        Err(fatal("not a webhook"))
    }
}
