//! The manifest as a whole: what it resolves to, and promises that hold for any input.

use std::cell::RefCell;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;

use crate::description::Description;

use super::*;

/// Describes every component alike, and counts how often it is asked.
#[derive(Default)]
struct Described {
    asked: RefCell<usize>,
}

impl Describe for Described {
    fn describe(&self, _: &FilePath) -> Result<Description, DescribeError> {
        *self.asked.borrow_mut() += 1;
        let description = json!({
            "name": "rows", "version": "1.0.0", "roles": ["source", "sink"],
            "streams": [{ "name": "rows" }, { "name": "columns" }],
            "source": {
                "config": {
                    "type": "object", "additionalProperties": false,
                    "properties": {
                        "base_url": { "type": "string" },
                        "days": { "type": "integer", "maximum": 90 },
                        "tags": { "type": "object", "additionalProperties": { "type": "string" } }
                    }
                },
                "credentials": [{ "name": "reader", "kinds": ["static"] }],
                "egress": [{ "origin": "https://api.example.test", "config": "/base_url" }]
            },
            "sink": { "config": { "type": "object" }, "egress": [{ "origin": "https://crm.example.test" }] }
        });
        serde_json::from_value(description).map_err(|error| DescribeError::Unreadable(error.to_string()))
    }
}

type Outcome = Result<(Pipeline, Vec<Problem>), Rejected>;

fn loaded_with(bytes: impl Into<Vec<u8>>, overrides: &[Override]) -> Outcome {
    let env = |name: &str| (name == "REGION").then(|| "north".to_owned());
    check(bytes.into(), "pipeline.toml", FilePath::new("/pipelines"), &env, overrides, &Described::default())
}

fn loaded(bytes: impl Into<Vec<u8>>) -> Outcome {
    loaded_with(bytes, &[])
}

fn problems(bytes: impl Into<Vec<u8>>) -> Vec<Problem> {
    loaded(bytes).err().map(|rejected| rejected.problems).unwrap_or_default()
}

const HEAD: &str = "version = 1\nname = \"rows\"\n";
const SOURCE: &str = "[source]\ncomponent = \"rows.wasm\"\nstream = \"rows\"\negress = [\"https://api.example.test\"]\n\
                      credentials = [\"reader\"]\n";
const SINK: &str = "[sink]\ncomponent = \"rows.wasm\"\negress = [\"https://crm.example.test\"]\n";
const READER: &str = "[credentials.reader]\nkind = \"static\"\nvalue = { env = \"TOKEN\" }\n\
                      origins = [\"https://api.example.test\"]\n";

fn minimal() -> String {
    format!("{HEAD}{SOURCE}{SINK}{READER}")
}

#[test]
fn resolves_paths_defaults_and_references() {
    let text = format!(
        "{HEAD}{SOURCE}[source.config]\ntags = {{ area = \"${{REGION}}\" }}\n{SINK}{READER}\
         signing_secret = {{ file = \"keys/sign\" }}\n[network]\nca_file = \"ca.pem\"\n\
         private_addresses = [\"10.1.2.3\", \"fd00::1\"]\n[store]\npath = \"/var/lib/rows.db\"\n\
         [limits]\ntick_s = 60\n[schedule]\nevery_s = 300\n"
    );
    let (pipeline, warnings) = loaded(text).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(pipeline.name, "rows");
    assert_eq!(pipeline.schedule, Some(Schedule { every_s: 300 }));
    assert_eq!(pipeline.source.component, PathBuf::from("/pipelines/rows.wasm"));
    assert_eq!(pipeline.source.config, json!({ "tags": { "area": "north" } }));
    assert_eq!(pipeline.sink.config, json!({}));
    assert_eq!(pipeline.sink.egress[0].to_string(), "https://crm.example.test");
    let reader = &pipeline.credentials["reader"];
    assert_eq!(reader.kind, CredentialKind::Static { value: Secret::Env("TOKEN".to_owned()) });
    assert_eq!(reader.signing_secret, Some(Secret::File("/pipelines/keys/sign".into())));
    assert_eq!(pipeline.limits, Limits { tick_s: Some(60), ..Limits::default() });
    assert_eq!(pipeline.network.ca_file, Some("/pipelines/ca.pem".into()));
    assert_eq!(pipeline.network.private_addresses.len(), 2);
    assert_eq!(pipeline.store_path, Some("/var/lib/rows.db".into()));
}

#[test]
fn leaves_the_store_to_the_command_line() {
    assert_eq!(loaded(minimal()).unwrap().0.store_path, None);
}

#[test]
fn asks_a_component_that_plays_both_sides_once() {
    let described = Described::default();
    let outcome = check(minimal().into(), "p", FilePath::new(""), &|_| None, &[], &described);
    assert!(outcome.is_ok());
    assert_eq!(*described.asked.borrow(), 1);
}

#[test]
fn never_asks_the_environment_for_a_secret() {
    let asked = RefCell::new(Vec::new());
    let env = |name: &str| {
        asked.borrow_mut().push(name.to_owned());
        None
    };
    check(minimal().into(), "p", FilePath::new(""), &env, &[], &Described::default()).unwrap();
    assert_eq!(*asked.borrow(), Vec::<String>::new());
}

#[test]
fn fills_into_values_but_never_into_syntax() {
    let env = |_: &str| Some("\"\n[sink]\nevil = \"".to_owned());
    let text = minimal().replace("stream = \"rows\"", "stream = \"${X}\"");
    let rejected = check(text.into(), "p", FilePath::new(""), &env, &[], &Described::default()).unwrap_err();
    assert_eq!(rejected.problems.len(), 1);
    assert_eq!(rejected.problems[0].path, "source.stream");
    assert!(!rejected.to_string().contains("evil"));
}

#[test]
fn overrides_win_over_the_file_and_the_last_one_over_the_first() {
    let flags = ["limits.page_records=7", "limits.page_records=9", "source.config.tags.\"a.b\"=\"x\""];
    let overrides: Vec<Override> = flags.iter().map(|flag| Override::split(flag).unwrap()).collect();
    let (pipeline, _) = loaded_with(minimal(), &overrides).unwrap();
    assert_eq!(pipeline.limits.page_records, 9);
    assert_eq!(pipeline.source.config, json!({ "tags": { "a.b": "x" } }));
}

#[test]
fn an_override_never_repeats_what_may_be_a_secret() {
    for value in ["hunter2", "\"hunter2\"", "{ env = \"hunter2-x\" }", "{ hunter2 = 1"] {
        let given = Override { key: "credentials.reader.value".to_owned(), value: value.to_owned() };
        let rejected = loaded_with(minimal(), &[given]).unwrap_err();
        let text = rejected.to_string();
        assert!(text.starts_with("--set credentials.reader.value: error: "), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn says_why_a_file_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let load = |path: &FilePath| load(path, &|_| None, &[], &Described::default()).unwrap_err().to_string();
    assert!(load(&directory.path().join("none.toml")).contains("error: cannot be read: it does not exist"));
    assert!(load(directory.path()).contains("error: cannot be read: it is a directory"));
    let large = directory.path().join("large.toml");
    std::fs::write(&large, vec![b'#'; parse::MAX_BYTES + 1]).unwrap();
    assert!(load(&large).contains("error: the manifest is larger than 1048576 bytes"));
}

#[test]
fn fills_in_files_within_bounds() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = directory.path().join("p.toml");
    std::fs::write(&manifest, minimal().replace("\"rows\"\n[", "\"${file:name.txt}\"\n[")).unwrap();
    let load = || load(&manifest, &|_| None, &[], &Described::default());
    let name = directory.path().join("name.txt");
    std::fs::write(&name, "rows-north\r\n").unwrap();
    assert_eq!(load().unwrap().0.name, "rows-north");
    std::fs::write(&name, vec![b'a'; (64 << 10) + 1]).unwrap();
    assert!(load().unwrap_err().to_string().contains("it is larger than 65536 bytes"));
    std::fs::write(&name, [0xff]).unwrap();
    assert!(load().unwrap_err().to_string().contains("it is not UTF-8"));
}

#[test]
fn points_at_the_first_byte_that_is_not_utf_8() {
    let mut bytes = "version = 1\nname = \"é".as_bytes().to_vec();
    bytes.push(0xff);
    let told = problems(bytes);
    assert_eq!(told[0].place, Some(Place { line: 2, column: 10 }));
    assert_eq!(told[0].message, "the file is not UTF-8");
}

#[test]
fn prints_a_hundred_problems_and_counts_the_rest() {
    let keys: String = (0..150).map(|n| format!("wrong_{n} = 1\n")).collect();
    let rejected = loaded(format!("{keys}{}", minimal())).unwrap_err();
    assert_eq!(rejected.problems.len(), 150);
    let text = rejected.to_string();
    assert_eq!(text.matches(": error: ").count(), 100);
    assert!(text.ends_with("\nand 50 more"));
}

#[test]
fn bears_hostile_files() {
    let mib = |unit: &str| unit.repeat((1 << 20) / unit.len());
    let dotted = vec!["a"; 70].join(".");
    for text in [
        mib("a."),
        format!("[{}]", mib("a.").trim_end_matches('.').get(..1_000_000).unwrap()),
        mib("["),
        format!("a = {}", mib("[").get(..1_000_000).unwrap()),
        mib("{a="),
        mib("= 1\n"),
        mib("\u{0}"),
        mib("ü\n"),
        (0..40).fold("1".to_owned(), |inner, _| format!("{{ {dotted} = {inner} }}")),
        format!("a = {}", (0..40).fold("1".to_owned(), |inner, _| format!("{{ {dotted} = {inner} }}"))),
        (0..10_000).map(|n| format!("k{n} = 1\n")).collect(),
        format!(
            "[source]\negress = {:?}",
            (0..40_000).map(|n| format!("https://h{n}.test")).collect::<Vec<_>>()
        ),
        format!("[source]\ncredentials = {:?}", (0..80_000).map(|n| format!("c{n}")).collect::<Vec<_>>()),
        (0..20_000).map(|n| format!("[credentials.c{n}]\nkind = \"x\"\n")).collect(),
        format!("x = \"{}\"", mib("${X}").get(..1_000_000).unwrap()),
        format!("a = {}", "9".repeat(100_000)),
    ] {
        let told = problems(text);
        assert!(!told.is_empty());
    }
}

#[test]
fn problems_are_data_for_other_programs() {
    let rejected = loaded(minimal().replace("rows.wasm\"\nstream", "rows.wasm\"\nstreem")).unwrap_err();
    let json = serde_json::to_value(&rejected).unwrap();
    assert_eq!(
        json,
        json!({ "problems": [{
            "severity": "error", "input": "pipeline.toml", "place": { "line": 5, "column": 1 },
            "path": "source.streem", "message": "unknown key `streem` in [source]",
            "help": "did you mean `stream`?"
        }]})
    );
}

#[test]
fn the_schema_takes_what_the_types_take() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let manifest: serde_json::Value = toml::from_str(&minimal()).unwrap();
    assert!(validator.is_valid(&manifest));
    assert!(serde_json::from_value::<model::Manifest>(manifest).is_ok());
    for (key, default) in serde_json::to_value(Limits::default()).unwrap().as_object().unwrap() {
        let published = schema.pointer(&format!("/properties/limits/properties/{key}/default"));
        assert_eq!(published, Some(default), "{key}");
    }
}

#[test]
fn the_reference_names_every_key() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(serde_json::Value::as_object);
        for (key, value) in properties.into_iter().flatten() {
            found.push(key.clone());
            keys(value, found);
        }
        let kinds = schema.pointer("/additionalProperties/oneOf").and_then(serde_json::Value::as_array);
        kinds.into_iter().flatten().for_each(|kind| keys(kind, found));
    }
    let mut found = Vec::new();
    keys(&schema(), &mut found);
    let reference = reference_markdown();
    assert!(found.len() > 40);
    for key in found {
        assert!(reference.contains(&format!("| `{key}` |")), "{key}");
    }
}

#[test]
fn the_example_in_the_reference_fits_the_schema() {
    let reference = reference_markdown();
    let example = reference.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let example: serde_json::Value = toml::from_str(example).unwrap();
    assert!(jsonschema::validator_for(&schema()).unwrap().is_valid(&example));
}

/// Lines that are wrong in a table, and the path and the beginning of what is told about each.
const WRONG: &[(&str, &str, &str, &str)] = &[
    ("", "colour = 1", "colour", "unknown key `colour`"),
    ("[schedule]", "every_s = 1", "schedule.every_s", "`every_s` in [schedule] is 1"),
    ("[schedule]", "every = 1", "schedule.every", "unknown key `every`"),
    ("[limits]", "page_records = 0", "limits.page_records", "`page_records` in [limits] is 0"),
    (
        "[limits]",
        "page_bytes = \"1\"",
        "limits.page_bytes",
        "`page_bytes` in [limits] must be a whole number",
    ),
    ("[limits]", "tick_page = 5", "limits.tick_page", "unknown key `tick_page`"),
    ("[limits]", "retry_attempts = 21", "limits.retry_attempts", "`retry_attempts` in [limits] is 21"),
    (
        "[network]",
        "private_addresses = [\"10.0.0.0/8\"]",
        "network.private_addresses[0]",
        "`10.0.0.0/8` is not",
    ),
    ("[network]", "ca_file = \"${UNSET}\"", "network.ca_file", "the variable UNSET is not set"),
    ("[network]", "proxy = true", "network.proxy", "unknown key `proxy`"),
    ("[store]", "path = 7", "store.path", "`path` in [store] must be a text"),
    ("[store]", "paths = \"x\"", "store.paths", "unknown key `paths`"),
    ("[source.config]", "days = 91", "source.config.days", "`days` in [source.config] is 91"),
    ("[source.config]", "day = 9", "source.config.day", "unknown key `day`"),
    (
        "[source.config]",
        "base_url = \"x\"",
        "source.config.base_url",
        "`base_url` in [source.config] is not a URL",
    ),
    (
        "[source.config]",
        "tags = { a = 1 }",
        "source.config.tags.a",
        "`a` in [source.config.tags] must be a text",
    ),
    (
        "[credentials.spare]",
        "kind = \"statc\"",
        "credentials.spare.kind",
        "`kind` in [credentials.spare] cannot be",
    ),
    ("[credentials.spare]", "value = \"s3cret\"", "credentials.spare.value", "`value` is a secret"),
    ("[credentials.spare]", "origins = [\"x y\"]", "credentials.spare.origins[0]", "`x y` is not an origin"),
];

/// The minimal manifest with the chosen wrong lines in their tables.
fn with_wrong(chosen: &[usize]) -> String {
    let lines = |table: &str| {
        let own = chosen.iter().map(|index| &WRONG[*index]).filter(|(owner, ..)| *owner == table);
        own.map(|(_, line, ..)| format!("{line}\n")).collect::<String>()
    };
    let mut text = format!("{HEAD}{}{SOURCE}{SINK}{READER}", lines(""));
    let mut tables: Vec<&str> =
        WRONG.iter().map(|(table, ..)| *table).filter(|table| !table.is_empty()).collect();
    tables.dedup();
    for table in tables {
        let lines = lines(table);
        if !lines.is_empty() {
            text.push_str(&format!("{table}\n{lines}"));
        }
    }
    text
}

fn manifest_lines() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "version",
        "name",
        "component",
        "stream",
        "egress",
        "credentials",
        "config",
        "kind",
        "value",
        "origins",
        "x",
        "page_bytes",
        "\"ü\"",
        "a.b",
        "token_url",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "1.5",
        "nan",
        "true",
        "\"rows\"",
        "\"${REGION}\"",
        "\"${\"",
        "\"$${x}\"",
        "[]",
        "[1, \"a\"]",
        "{}",
        "{ env = \"X\" }",
        "{ file = 1 }",
        "[\"https://api.example.test\"]",
        "1979-05-27",
        "\"https://x:y@z/\"",
        "",
        "99999999999999999999",
        "[[[]]]",
        "{ kind = \"static\" }",
        "\"http://é\"",
    ]);
    let header = prop::sample::select(vec![
        "[source]",
        "[sink]",
        "[source.config]",
        "[credentials.reader]",
        "[credentials]",
        "[limits]",
        "[[sink]]",
        "[network]",
        "[store",
        "[credentials.\"a b\"]",
        "[schedule]",
    ]);
    let line = prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}\n")),
        1 => header.prop_map(|header| format!("{header}\n")),
    ];
    prop::collection::vec(line, 0..24).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let outcome = loaded(bytes);
        prop_assert!(outcome.is_err_and(|rejected| !rejected.to_string().is_empty()));
    }

    #[test]
    fn any_lines_are_answered(text in manifest_lines()) {
        let head = format!("{HEAD}{text}");
        for text in [text, head] {
            if let Err(rejected) = loaded(text) {
                prop_assert!(rejected.problems.iter().any(|problem| problem.severity == Severity::Error));
            }
        }
    }

    #[test]
    fn any_override_is_answered(key in ".{0,24}", value in ".{0,24}") {
        let _ = loaded_with(minimal(), &[Override { key, value }]);
    }

    #[test]
    fn one_changed_byte_is_answered(at in 0..400_usize, byte in any::<u8>()) {
        let mut bytes = minimal().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = loaded(bytes);
    }

    #[test]
    fn every_wrong_line_is_told_whatever_else_is_wrong(
        chosen in prop::sample::subsequence((0..WRONG.len()).collect::<Vec<_>>(), 1..=WRONG.len())
    ) {
        let text = with_wrong(&chosen);
        let told = problems(text.clone());
        for index in chosen {
            let (_, line, path, message) = WRONG[index];
            let found = told.iter().find(|problem| problem.path == path && problem.message.starts_with(message));
            prop_assert!(found.is_some(), "nothing of `{line}` among {told:#?}\n{text}");
            let place = found.and_then(|problem| problem.place).unwrap();
            prop_assert_eq!(text.lines().nth(place.line - 1), Some(line));
        }
    }
}
