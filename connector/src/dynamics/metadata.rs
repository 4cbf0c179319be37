//! The lead table's columns as the organisation has them, read in one round of requests.
//!
//! <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/webapi/query-metadata-web-api>. Text, memo,
//! whole-number and choice columns are asked for, one request a kind; others cannot be mapped.

use futures_util::future::try_join4;
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

/// Reads the table's columns.
pub(crate) async fn lead_table<C: Capabilities>(sink: &Sink<C>) -> Result<Table, CallError> {
    let path =
        |kind: &str, select: &str| format!("{ATTRIBUTES}{kind}AttributeMetadata?$select={COMMON}{select}");
    let choices = "&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)";
    let (strings, memos, integers, picklists) = try_join4(
        sink.rows::<Attribute>(path("String", ",MaxLength")),
        sink.rows::<Attribute>(path("Memo", ",MaxLength")),
        sink.rows::<Attribute>(path("Integer", ",MinValue,MaxValue")),
        sink.rows::<Attribute>(path("Picklist", choices)),
    )
    .await?;
    let texts = strings.into_iter().chain(memos).map(Attribute::text);
    let numbers = integers.into_iter().map(Attribute::integer);
    let choices = picklists.into_iter().map(Attribute::choice);
    Ok(Table::new(texts.chain(numbers).chain(choices).collect()))
}
