//! The lead table's columns as the organisation has them, read in one round of requests.
//!
//! <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/webapi/query-metadata-web-api>. Text, memo,
//! whole-number and choice columns are asked for, one request a kind; others cannot be mapped.

use futures_util::stream::{self, StreamExt};
use serde::Deserialize;

use super::errors::CallError;
use super::sink::Sink;
use crate::capabilities::Capabilities;
use crate::mapping::{Column, Kind, Table};

const ATTRIBUTES: &str = "EntityDefinitions(LogicalName='lead')/Attributes/Microsoft.Dynamics.CRM.";
const COMMON: &str = "LogicalName,IsValidForCreate,IsValidForUpdate";

/// One column of any kind; what a kind does not have is absent.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    logical_name: String,
    is_valid_for_create: Option<bool>,
    is_valid_for_update: Option<bool>,
    max_length: Option<usize>,
    min_value: Option<i64>,
    max_value: Option<i64>,
    option_set: Option<OptionSet>,
    global_option_set: Option<OptionSet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionSet {
    #[serde(default)]
    options: Vec<Choice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Choice {
    value: i64,
}

impl Attribute {
    fn column(self, kind: Kind) -> Column {
        // What the server does not say is taken to be allowed: it will refuse what is not.
        let writable = self.is_valid_for_create.unwrap_or(true) && self.is_valid_for_update.unwrap_or(true);
        Column { name: self.logical_name, kind, writable }
    }

    fn text(self) -> Column {
        let max_length = self.max_length.unwrap_or(usize::MAX);
        self.column(Kind::Text { max_length })
    }

    fn integer(self) -> Column {
        let min = self.min_value.unwrap_or(i64::from(i32::MIN));
        let max = self.max_value.unwrap_or(i64::from(i32::MAX));
        self.column(Kind::Integer { min, max })
    }

    fn choice(mut self) -> Column {
        let sets = [self.option_set.take(), self.global_option_set.take()];
        let values =
            sets.into_iter().flatten().flat_map(|set| set.options).map(|choice| choice.value).collect();
        self.column(Kind::Choice { values })
    }
}

/// How many requests [`lead_table`] sends.
pub(crate) const REQUESTS: usize = 4;

type Make = fn(Attribute) -> Column;

/// Reads the table's columns, all kinds at once as far as the bound on requests in flight allows.
pub(crate) async fn lead_table<C: Capabilities>(sink: &Sink<C>) -> Result<Table, CallError> {
    let choices = "&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)";
    let kinds: [(&str, &str, Make); REQUESTS] = [
        ("String", ",MaxLength", Attribute::text),
        ("Memo", ",MaxLength", Attribute::text),
        ("Integer", ",MinValue,MaxValue", Attribute::integer),
        ("Picklist", choices, Attribute::choice),
    ];
    let mut answers = stream::iter(kinds)
        .map(async |(kind, select, make)| {
            let path = format!("{ATTRIBUTES}{kind}AttributeMetadata?$select={COMMON}{select}");
            let attributes = sink.rows::<Attribute>(path).await?;
            Ok::<_, CallError>(attributes.into_iter().map(make).collect::<Vec<_>>())
        })
        .buffered(sink.config.requests_in_flight);
    let mut columns = Vec::new();
    while let Some(more) = answers.next().await {
        columns.extend(more?);
    }
    Ok(Table::new(columns))
}
