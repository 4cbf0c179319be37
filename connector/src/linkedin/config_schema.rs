//! The JSON Schema (draft 2020-12) of the source's configuration, with which the host validates manifests offline.
//!
//! `patternErrorMessage` and `errorMessage` say in words what a rule wants. The parser repeats every rule.

use serde_json::{Map, Value, json};

use super::chosen::MAX_LISTED;
use super::config::API_URL;
use super::naming::Naming;
use super::owner::Kind;
use super::{retention, version};

/// What is said about `organizations` where no kind is on that has any.
pub(super) const ORGANIZATIONS_NEED: &str = "`organizations` own only leads of the kinds EVENT, COMPANY and ORGANIZATION_PRODUCT: add one of these to `kinds`, or \
     remove it here";
/// What is said about `accounts` where SPONSORED is off.
pub(super) const ACCOUNTS_NEED: &str =
    "`accounts` own only leads of the kind SPONSORED: add it to `kinds`, or remove it here";

/// The JSON Schema (draft 2020-12) of the source's configuration.
pub fn config_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "LinkedIn Lead Gen Forms",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "api_url": {
                "type": "string", "default": API_URL, "pattern": "^https?://[^/?#\\s@]+(/[^?#\\s]*)?$", "maxLength": 1024,
                "description": "Base URL of LinkedIn's versioned API. Change it only to go through a proxy or to a sandbox.",
            },
            "version": {
                "type": "string", "default": version::DEFAULT, "pattern": "^[0-9]{4}(0[1-9]|1[0-2])$",
                "description": "LinkedIn API version, YYYYMM. Each lives at least twelve months; `check` says when this one ends.",
            },
            "kinds": {
                "type": "array", "default": ["SPONSORED"], "minItems": 1, "uniqueItems": true,
                "items": { "enum": Kind::ALL.map(Kind::word) },
                "description": "Which kinds of lead to read: SPONSORED (ads), EVENT (event registrations), COMPANY (Pages) and ORGANIZATION_PRODUCT (product pages). Ads belong to ad accounts, the others to organizations.",
            },
            "accounts": chosen(Naming::Account, "Which ad accounts to read for SPONSORED leads, by number or URN: \"all\" that the authorized member can see, only those in `include`, or all but those in `exclude`."),
            "organizations": chosen(Naming::Organization, "Which organizations (Pages) to read for the other kinds, by number or URN: \"all\" on which the authorized member has a role, only those in `include`, or all but those in `exclude`."),
            "forms": chosen(Naming::Form, "Which lead forms to read, by number or URN: \"all\", only those in `include`, or all but those in `exclude`. Every version of a form is read; responses to other forms are passed over."),
            "backfill_days": number("How many days back the first read goes. LinkedIn keeps responses for 90 days, some kinds for 365.", 90, 0, 3650),
            "retention_days": retention_days(),
            "overlap_s": number("How many seconds before the end of the last sweep the next one starts, for responses that turn up late. Repeats are recognised.", 600, 0, 604_800),
            "settle_s": number("How many seconds a response rests before it is read, because LinkedIn may show it late.", 60, 0, 86_400),
            "page_size": number("How many responses to ask for in one request (`count`).", 100, 2, 500),
            "requests_in_flight": number("How many requests to have under way at once for one ad account or organization.", 10, 1, 32),
            "test_leads": {
                "enum": ["skip", "include"], "default": "skip",
                "description": "What to do with test leads from a form's preview: record them as skipped, or pass them on like others.",
            },
            "webhook": {
                "type": "object", "additionalProperties": false, "default": {},
                "description": "What is accepted of the notices that LinkedIn pushes.",
                "properties": {
                    "max_body_bytes": number("Most bytes of one notice.", 65_536, 1_024, 1_048_576),
                    "notice_max_age_h": number("Notices of what happened more than so many hours ago are refused, as a replay would be.", 72, 1, 8_760),
                },
            },
            "names": {
                "enum": ["look_up", "skip"], "default": "look_up",
                "description": "What to do about names of campaigns, campaign groups and creatives that responses do not carry: look them up once each, or leave them out.",
            },
        },
        "allOf": [organizations_rule(), accounts_rule()],
    })
}

/// "all", only some, or all but some.
fn chosen(naming: Naming, description: &str) -> Value {
    let list = |name: &str, description: String| {
        let ids = json!({
            "type": "array", "minItems": 1, "maxItems": MAX_LISTED, "description": description,
            "items": { "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": naming.pattern(), "patternErrorMessage": naming.form() },
            ] },
        });
        json!({ "type": "object", "required": [name], "additionalProperties": false, "properties": { name: ids } })
    };
    json!({
        "default": "all",
        "description": description,
        "anyOf": [
            { "const": "all" },
            list("include", format!("Read only these {}s.", naming.thing())),
            list("exclude", format!("Read every {} but these.", naming.thing())),
        ],
    })
}

fn retention_days() -> Value {
    let days = |kind: Kind| {
        let description = format!("Days for which LinkedIn keeps {} leads.", kind.word());
        number(&description, retention::default_days(kind), 1, 3650)
    };
    let properties: Map<String, Value> =
        Kind::ALL.into_iter().map(|kind| (kind.word().to_owned(), days(kind))).collect();
    let defaults: Map<String, Value> = Kind::ALL
        .into_iter()
        .map(|kind| (kind.word().to_owned(), retention::default_days(kind).into()))
        .collect();
    json!({
        "type": "object", "additionalProperties": false, "default": defaults, "properties": properties,
        "description": "For how many days LinkedIn keeps leads, by kind; LinkedIn's own pages disagree. It changes no request: a read that reaches back further warns of what is gone.",
    })
}

fn number(description: &str, default: u64, minimum: u64, maximum: u64) -> Value {
    json!({ "type": "integer", "description": description, "default": default, "minimum": minimum, "maximum": maximum })
}

/// Known kinds without any of these. A list with an unknown kind is told to be wrong by itself.
fn without(kinds: &[&str]) -> Value {
    let known = Kind::ALL.map(Kind::word);
    json!({ "kinds": { "items": { "enum": known }, "not": { "contains": { "enum": kinds } } } })
}

fn forbidden(property: &str, message: &str) -> Value {
    json!({ "properties": { property: { "not": {}, "errorMessage": message } } })
}

fn organizations_rule() -> Value {
    let organic: Vec<&str> = Kind::ALL.into_iter().filter(|kind| kind.is_organic()).map(Kind::word).collect();
    // Without `kinds` only ads are read.
    json!({ "if": { "properties": without(&organic) }, "then": forbidden("organizations", ORGANIZATIONS_NEED) })
}

fn accounts_rule() -> Value {
    let condition = json!({ "required": ["kinds"], "properties": without(&[Kind::Sponsored.word()]) });
    json!({ "if": condition, "then": forbidden("accounts", ACCOUNTS_NEED) })
}
