//! The manifest's form: the types it deserialises into, and the JSON Schema that they generate.
//!
//! The doc comments here are the descriptions that editors, messages and the reference show; each first sentence
//! stands alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One pipeline: where records come from, where they go, and what the components in between may do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Sluice pipeline manifest, version 1")]
pub(super) struct Manifest {
    /// The version of this form of manifest.
    #[schemars(extend("const" = 1))]
    #[expect(dead_code, reason = "the schema has pinned it to 1")]
    pub(super) version: u32,
    /// Names the pipeline's state and reports; do not change it later.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9-]{0,63}$"))]
    #[schemars(extend(
        "patternErrorMessage" = "lower-case letters, digits and hyphens, beginning with a letter or digit, at most 64",
        "examples" = ["daily-leads"]
    ))]
    pub(super) name: String,
    /// When the service runs the pipeline; without it, only by hand.
    #[serde(default)]
    pub(super) schedule: Option<Schedule>,
    /// The side that is read.
    pub(super) source: Source,
    /// The side that is written.
    pub(super) sink: Sink,
    /// The credentials by name; a component names them and never sees their values.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 64, "propertyNames" = {
        "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$",
        "patternErrorMessage": "lower-case letters, digits, `_` and `-`, at most 64"
    }))]
    pub(super) credentials: BTreeMap<String, Credential>,
    /// Bounds of the work.
    #[serde(default)]
    pub(super) limits: Limits,
    /// How the network is reached.
    #[serde(default)]
    pub(super) network: Network,
    /// Where the pipeline's state is kept.
    #[serde(default)]
    pub(super) store: Store,
}

/// When the service runs the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Seconds from the start of one run to the start of the next.
    #[schemars(range(min = 10, max = 86_400))]
    pub every_s: u32,
}

/// The side that is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// The component's file, relative to the manifest.
    #[schemars(length(min = 1), extend("examples" = ["components/source.wasm"]))]
    pub(super) component: PathBuf,
    /// The kind of record to read, one of those that the component offers.
    #[schemars(length(min = 1))]
    pub(super) stream: String,
    /// The origins that the component may call; it reaches no other.
    #[serde(default)]
    #[schemars(length(max = 64), extend("examples" = [["https://api.example.com"]]))]
    pub(super) egress: Vec<String>,
    /// The names of the credentials that the component may use.
    #[serde(default)]
    #[schemars(length(max = 64), extend("uniqueItems" = true))]
    pub(super) credentials: Vec<String>,
    /// The component's own configuration; `sluice inspect` shows what it takes.
    #[serde(default)]
    pub(super) config: Map<String, Value>,
}

/// The side that is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sink {
    /// The component's file, relative to the manifest.
    #[schemars(length(min = 1), extend("examples" = ["components/sink.wasm"]))]
    pub(super) component: PathBuf,
    /// The origins that the component may call; it reaches no other.
    #[serde(default)]
    #[schemars(length(max = 64), extend("examples" = [["https://api.example.com"]]))]
    pub(super) egress: Vec<String>,
    /// The names of the credentials that the component may use.
    #[serde(default)]
    #[schemars(length(max = 64), extend("uniqueItems" = true))]
    pub(super) credentials: Vec<String>,
    /// The component's own configuration; `sluice inspect` shows what it takes.
    #[serde(default)]
    pub(super) config: Map<String, Value>,
}

/// A named secret that the host holds and attaches to requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Credential {
    /// A value that is attached as it is, as `Authorization: Bearer VALUE`.
    Static {
        /// The value.
        value: Secret,
        /// The origins it may be attached to, among the egress of the sides that use it.
        #[schemars(length(min = 1, max = 64), extend("examples" = [["https://api.example.com"]]))]
        origins: Vec<String>,
        /// The secret that signs what the component asks to have signed.
        #[serde(default)]
        signing_secret: Option<Secret>,
    },
    /// A token that the host obtains with a client's id and secret, and renews in time.
    OauthClientCredentials {
        /// Where tokens are issued: an `https` URL.
        #[schemars(length(min = 1), extend("examples" = ["https://login.example.com/oauth2/token"]))]
        token_url: String,
        /// The client's id.
        #[schemars(length(min = 1))]
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
        /// The scopes to ask for.
        #[serde(default)]
        #[schemars(length(max = 64), extend("uniqueItems" = true))]
        scopes: Vec<String>,
        /// The origins it may be attached to, among the egress of the sides that use it.
        #[schemars(length(min = 1, max = 64), extend("examples" = [["https://api.example.com"]]))]
        origins: Vec<String>,
        /// The secret that signs what the component asks to have signed.
        #[serde(default)]
        signing_secret: Option<Secret>,
    },
}

/// Where a secret is found; the secret itself is never written into a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("examples" = [{ "env": "NAME" }]))]
pub enum Secret {
    /// The name of an environment variable.
    Env(#[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))] String),
    /// A file, relative to the manifest.
    File(#[schemars(length(min = 1))] PathBuf),
}

/// Bounds of the work. Every one has a default that suits most pipelines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Partitions that are worked on side by side.
    #[schemars(range(min = 1, max = 64))]
    pub partitions_in_flight: u32,
    /// Pages of one partition that are read ahead of the write.
    #[schemars(range(min = 1, max = 16))]
    pub pages_in_flight: u32,
    /// Most records of one page.
    #[schemars(range(min = 1, max = 1000))]
    pub page_records: u32,
    /// Most bytes of one page.
    #[schemars(range(min = 4096, max = 1_048_576))]
    pub page_bytes: u32,
    /// Most pages of one tick; without it, until there is nothing more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub tick_pages: Option<u32>,
    /// Most seconds of one tick; without it, until there is nothing more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub tick_s: Option<u32>,
    /// Requests under way at once to one origin with one credential.
    #[schemars(range(min = 1, max = 64))]
    pub requests_in_flight: u32,
    /// Milliseconds that one request may take.
    #[schemars(range(min = 100, max = 600_000))]
    pub request_timeout_ms: u32,
    /// Milliseconds that one call into a component may take, its requests included.
    #[schemars(range(min = 1000, max = 3_600_000))]
    pub call_timeout_ms: u32,
    /// Most bytes of one response.
    #[schemars(range(min = 4096, max = 67_108_864))]
    pub response_bytes: u32,
    /// Most bytes of memory of one instance of a component.
    #[schemars(range(min = 1_048_576, max = 1_073_741_824))]
    pub memory_bytes: u32,
    /// Most bytes of a component's file.
    #[schemars(range(min = 4096, max = 268_435_456))]
    pub component_bytes: u32,
    /// Most tries of one request that may be repeated; 1 never repeats.
    #[schemars(range(min = 1, max = 20))]
    pub retry_attempts: u32,
    /// Most seconds spent on all tries of one request, waits included.
    #[schemars(range(min = 1, max = 3600))]
    pub retry_total_s: u32,
    /// Most seconds that a partition waits where the vendor asks to wait, such as until a daily quota is renewed; one
    /// that is asked to wait longer ends, and the report says when it can go on.
    #[schemars(range(min = 0, max = 172_800))]
    pub wait_total_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            partitions_in_flight: 4,
            pages_in_flight: 8,
            page_records: 1000,
            page_bytes: 1 << 20,
            tick_pages: None,
            tick_s: None,
            requests_in_flight: 16,
            request_timeout_ms: 120_000,
            call_timeout_ms: 600_000,
            response_bytes: 8 << 20,
            memory_bytes: 64 << 20,
            component_bytes: 32 << 20,
            retry_attempts: 5,
            retry_total_s: 300,
            wait_total_s: 600,
        }
    }
}

/// How the network is reached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Network {
    /// Private addresses that the names of granted origins may resolve to; others are refused.
    #[schemars(length(max = 64), extend("examples" = [["10.1.2.3"]]))]
    pub(super) private_addresses: Vec<String>,
    /// Further root certificates in PEM, relative to the manifest.
    #[schemars(length(min = 1), extend("examples" = ["extra-ca.pem"]))]
    pub(super) ca_file: Option<PathBuf>,
}

/// Where the pipeline's state is kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    /// The state's file, relative to the manifest; without it, one that the command line chooses.
    #[schemars(length(min = 1), extend("examples" = ["state/daily-leads.db"]))]
    pub(super) path: Option<PathBuf>,
}

/// The manifest's JSON Schema, draft 2020-12, for editors and for the checks here.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings.with_transform(plain).into_generator().into_root_schema_for::<Manifest>();
    schema.to_value()
}

/// Removes what says nothing about TOML: `null`, which it does not have, and the widths of Rust's integers.
fn plain(schema: &mut schemars::Schema) {
    if let Some(object) = schema.as_object_mut() {
        object.remove("format");
        if object.contains_key("const") {
            object.remove("minimum");
        }
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        let types = object.get_mut("type").and_then(Value::as_array_mut);
        if let Some(types) = types {
            types.retain(|name| name != "null");
            if let [single] = types.as_slice() {
                let single = single.clone();
                object.insert("type".to_owned(), single);
            }
        }
        without_null(object);
    }
    schemars::transform::transform_subschemas(&mut plain, schema);
}

/// Replaces "this or null" by this.
fn without_null(object: &mut Map<String, Value>) {
    let Some(forms) = object.get_mut("anyOf").and_then(Value::as_array_mut) else {
        return;
    };
    forms.retain(|form| form.get("type").is_none_or(|name| name != "null"));
    if let [Value::Object(single)] = forms.as_slice() {
        let single = single.clone();
        object.remove("anyOf");
        for (key, value) in single {
            // What the key itself says wins over what its type says.
            object.entry(key).or_insert(value);
        }
    }
}
