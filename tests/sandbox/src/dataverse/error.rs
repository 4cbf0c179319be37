//! The error object of the Web API, one constructor for each situation that the stand-in can produce.
//!
//! Codes and texts follow
//! <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors>. Where
//! the vendor publishes no wording, the constructor says so. An error never carries a bearer token.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// What every fallible step of the stand-in returns.
pub(crate) type Outcome<T> = Result<T, ApiError>;

/// One refused operation: the HTTP status, the vendor's code and the vendor's text.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: u16,
    /// `0x…` code, `0x0` or empty for the OData layer.
    pub(crate) code: Cow<'static, str>,
    /// The vendor's text.
    pub(crate) message: String,
    /// Seconds for `Retry-After`, on 429 only.
    pub(crate) retry_after_s: Option<u64>,
}

impl ApiError {
    /// Any error by its three parts.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code: Cow::Borrowed(code), message: message.into(), retry_after_s: None }
    }

    /// The OData layer could not understand the address (the vendor's generic code for it).
    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self::new(400, "0x80060888", message)
    }

    /// No such entity set.
    pub(crate) fn segment(name: &str) -> Self {
        Self::new(404, "0x8006088a", format!("Resource not found for the segment '{name}'."))
    }

    /// No route: also a function called with POST.
    pub(crate) fn route(uri: &str) -> Self {
        Self::new(404, "", format!("No HTTP resource was found that matches the request URI '{uri}'."))
    }

    /// The method is not offered on this resource.
    pub(crate) fn method(method: &str) -> Self {
        Self::new(405, "0x0", format!("The requested resource does not support http method '{method}'."))
    }

    /// The stand-in leaves this part of the real service out.
    pub(crate) fn left_out(what: &str) -> Self {
        Self::new(501, "0x80040203", format!("{what} is not available in the sandbox"))
    }

    /// A name in a query option that the type does not have.
    pub(crate) fn unknown_property(kind: &str, name: &str) -> Self {
        let text =
            format!("Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{kind}'.");
        Self::new(400, "0x0", text)
    }

    /// A name in a body that the table does not have.
    pub(crate) fn invalid_property(table: &str, name: &str) -> Self {
        let text = format!(
            "An error occurred while validating input parameters: Microsoft.Crm.CrmException: Invalid property \
             '{name}' was found in entity 'Microsoft.Dynamics.CRM.{table}'. ---> Microsoft.OData.ODataException: \
             The property '{name}' does not exist on type 'Microsoft.Dynamics.CRM.{table}'. Make sure to only use \
             property names that are defined by the type."
        );
        Self::new(400, "0x0", text)
    }

    /// The body breaks OData's rules.
    pub(crate) fn payload(set: &str, detail: &str) -> Self {
        let text = format!(
            "Error identified in Payload provided by the user for Entity :'{set}', For more information on this \
             error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  \
             InnerException : Microsoft.OData.ODataException: {detail}"
        );
        Self::new(400, "0x80048d19", text)
    }

    /// A value of the wrong JSON type.
    pub(crate) fn literal(set: &str, literal: &str, edm: &str) -> Self {
        Self::payload(set, &format!("Cannot convert the literal '{literal}' to the expected type '{edm}'."))
    }

    /// `…@odata.bind` on a name that is no navigation property.
    pub(crate) fn bare_bind(set: &str, name: &str) -> Self {
        let detail = format!(
            "An undeclared property '{name}' which only has property annotations in the payload but no property \
             value was found in the payload. In OData, only declared navigation properties and declared named \
             streams can be represented as properties without values."
        );
        Self::payload(set, &detail)
    }

    /// A text longer than its column.
    pub(crate) fn too_long(table: &str, column: &str, max: u32) -> Self {
        let text = format!(
            "A validation error occurred.  The length of the '{column}' attribute of the '{table}' entity exceeded \
             the maximum allowed length of '{max}'."
        );
        Self::new(400, "0x80044331", text)
    }

    /// A choice outside the list (wording not published).
    pub(crate) fn choice(table: &str, column: &str, value: i64) -> Self {
        let text = format!(
            "A validation error occurred.  The value {value} of '{column}' on record of type '{table}' is outside \
             the valid range."
        );
        Self::new(400, "0x8004431A", text)
    }

    /// A whole number outside the column's range (wording not published).
    pub(crate) fn integer_range(table: &str, column: &str) -> Self {
        Self::range("0x8004432F", table, column)
    }

    /// An amount or fraction outside the column's range (wording not published).
    pub(crate) fn number_range(table: &str, column: &str) -> Self {
        Self::range("0x80044330", table, column)
    }

    fn range(code: &'static str, table: &str, column: &str) -> Self {
        let text = format!(
            "A validation error occurred.  The value of '{column}' on record of type '{table}' is outside the \
             valid range."
        );
        Self::new(400, code, text)
    }

    /// A column that clients cannot write (wording and code not published).
    pub(crate) fn read_only(table: &str, column: &str) -> Self {
        let text = format!("The attribute '{column}' of the '{table}' entity is not valid for this write.");
        Self::new(400, "0x80040203", text)
    }

    /// A status that does not belong to the state (code not published).
    pub(crate) fn status(table: &str, status: i64, state: i64) -> Self {
        let text = format!("{status} is not a valid status code for state code {state} on {table}.");
        Self::new(400, "0x80048408", text)
    }

    /// No row with this primary key.
    pub(crate) fn missing(table: &str, id: &str) -> Self {
        Self::new(404, "0x80040217", format!("{table} With Id = {id} Does Not Exist"))
    }

    /// No row with this primary key, as bulk messages say it.
    pub(crate) fn missing_bulk(table: &str, id: &str) -> Self {
        Self::new(404, "0x80040217", format!("{table} With Ids = {id} Do Not Exist"))
    }

    /// No row with these alternate-key values.
    pub(crate) fn no_match(table: &str) -> Self {
        let text = format!("A record with the specified key values does not exist in {table} entity");
        Self::new(404, "0x80060891", text)
    }

    /// The columns in the address are no active alternate key.
    pub(crate) fn invalid_key(table: &str) -> Self {
        let text = format!(
            "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{table}'. Ensure that \
             the names and number of key properties match the declared or alternate key properties for the \
             resource 'Microsoft.Dynamics.CRM.{table}'."
        );
        Self::new(400, "0x0", text)
    }

    /// An alternate key's value is taken by another row.
    pub(crate) fn key_violated(display: &str, columns: &str) -> Self {
        let text = format!(
            "Entity Key {display} violated. A record with the same value for {columns} already exists. A duplicate \
             record cannot be created. Select one or more unique values and try again."
        );
        Self::new(412, "0x80060892", text)
    }

    /// The primary key is taken.
    pub(crate) fn duplicate_id() -> Self {
        Self::new(412, "0x80040237", "Cannot insert duplicate key.")
    }

    /// `If-Match` with another version.
    pub(crate) fn version() -> Self {
        let text = "The version of the existing record doesn't match the RowVersion property provided.";
        Self::new(412, "0x80060882", text)
    }

    /// `If-None-Match: *` on a row that exists (code not published).
    pub(crate) fn exists() -> Self {
        Self::new(412, "0x80060882", "A record with matching key values already exists.")
    }

    /// A customer's plug-in refused the row; only the row's id is named.
    pub(crate) fn plug_in(id: &str) -> Self {
        Self::new(500, "0x80040265", format!("the plug-in of the sandbox refused the row {id}"))
    }

    /// The SQL deadlock of two overlapping writes.
    pub(crate) fn deadlock() -> Self {
        let text = " Sql error: Generic SQL error. CRM ErrorCode: -2147204784 Sql ErrorCode: -2146232060 Sql \
                    Number: 1205";
        Self::new(500, "0x80044150", text)
    }

    /// The vendor's catch-all.
    pub(crate) fn unexpected() -> Self {
        Self::new(500, "0x80040216", "An unexpected error occurred.")
    }

    /// A multipart body that breaks the grammar of section 6.
    pub(crate) fn stream() -> Self {
        let text = "Error identified in Payload provided by the user for Entity :'', For more information on this \
                    error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  \
                    InnerException : System.ArgumentException: Stream was not readable.";
        Self::new(400, "0x80048d19", text)
    }

    /// The body as the service sends it; `annotations` when the caller asked for `include-annotations`.
    pub(crate) fn json(&self, annotations: bool) -> String {
        let mut error = Map::new();
        error.insert("code".to_owned(), Value::from(self.code.as_ref()));
        error.insert("message".to_owned(), Value::from(self.message.as_str()));
        if annotations {
            let link = format!(
                "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{}&client=platform",
                self.code.trim_start_matches("0x")
            );
            error
                .insert("@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus".to_owned(), Value::from("0"));
            error.insert("@Microsoft.PowerApps.CDS.HelpLink".to_owned(), Value::from(link));
            error.insert(
                "@Microsoft.PowerApps.CDS.InnerError.Message".to_owned(),
                self.message.as_str().into(),
            );
        }
        Value::Object(Map::from_iter([("error".to_owned(), Value::Object(error))])).to_string()
    }
}
