//! The Rest.li 2.0 query grammar, read from the raw query string.
//!
//! Structure counts only where it is literal; scalars are percent-decoded once, after the structure is known. It must
//! never guess: what the grammar does not allow is refused, as LinkedIn refuses it.
//! <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/protocol-version>

use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::projection::Projection;

/// Records and lists nest at most so deep.
const DEPTH_MAX: u32 = 8;
/// Longest query string in bytes; above it 414 is answered.
/// <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/query-tunneling>
pub(crate) const QUERY_BYTES_MAX: usize = 4_096;

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text, decoded.
    Scalar(String),
    /// `(key:value,...)`, keys decoded and distinct.
    Record(Vec<(String, Value)>),
    /// `List(...)`.
    List(Vec<Value>),
}

/// Why a query is refused. Holds no part of the query, since a query can hold personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum QueryError {
    #[error("a parameter has no name, or two have the same")]
    Parameter,
    #[error("a structural character stands where a value is expected; values are percent-encoded")]
    RawStructure,
    #[error("a record or list does not end, or something follows it")]
    Unbalanced,
    #[error("a record has no key, an empty key or the same key twice")]
    Key,
    #[error("a list has an empty item")]
    EmptyItem,
    #[error("a percent-encoding is broken or is not UTF-8")]
    Encoding,
    #[error("a value is percent-encoded twice")]
    EncodedTwice,
    #[error("the structure of a parameter is percent-encoded")]
    EncodedStructure,
    #[error("records and lists nest too deep")]
    TooDeep,
    #[error("the projection is not understood")]
    Projection,
    #[error("a value has the wrong type")]
    Type,
}

/// A parsed query string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    values: Vec<(String, Value)>,
    /// The projection, where one was asked for.
    pub(crate) fields: Option<Projection>,
}

impl Query {
    /// Parses a raw query string. With `encoded_structure`, a parameter whose structure is percent-encoded is decoded
    /// one layer first; otherwise it is refused.
    pub(crate) fn parse(raw: &str, encoded_structure: bool) -> Result<Self, QueryError> {
        let mut query = Self::default();
        if raw.is_empty() {
            return Ok(query);
        }
        for pair in raw.split('&') {
            let (key, value) = pair.split_once('=').ok_or(QueryError::Parameter)?;
            let key = decode(key)?;
            let twice = query.values.iter().any(|(known, _)| *known == key)
                || (key == "fields" && query.fields.is_some());
            if key.is_empty() || twice {
                return Err(QueryError::Parameter);
            }
            let unwrapped = unwrap_structure(&key, value, encoded_structure)?;
            let value = unwrapped.as_deref().unwrap_or(value);
            if key == "fields" {
                query.fields = Some(Projection::parse(value).ok_or(QueryError::Projection)?);
            } else {
                query.values.push((key, Parser { rest: value }.whole()?));
            }
        }
        Ok(query)
    }

    /// The names of the parameters, without `fields`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The text of a parameter, or that it is no scalar.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, QueryError> {
        self.get(name).map(Value::text).transpose()
    }

    /// The number of a parameter, or that it is none.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, QueryError> {
        self.get(name).map(Value::number).transpose()
    }

    /// The truth value of a parameter, or that it is none.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, QueryError> {
        self.get(name).map(Value::flag).transpose()
    }

    /// Whether any parameter uses record or list syntax.
    pub(crate) fn has_structure(&self) -> bool {
        self.values.iter().any(|(_, value)| !matches!(value, Value::Scalar(_)))
    }
}

impl Value {
    pub(crate) fn text(&self) -> Result<&str, QueryError> {
        match self {
            Self::Scalar(text) => Ok(text),
            Self::Record(_) | Self::List(_) => Err(QueryError::Type),
        }
    }

    /// Digits only: no sign, no fraction.
    pub(crate) fn number(&self) -> Result<u64, QueryError> {
        let text = self.text()?;
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(QueryError::Type);
        }
        text.parse().map_err(|_| QueryError::Type)
    }

    pub(crate) fn flag(&self) -> Result<bool, QueryError> {
        match self.text()? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(QueryError::Type),
        }
    }

    pub(crate) fn record(&self) -> Result<&[(String, Value)], QueryError> {
        match self {
            Self::Record(members) => Ok(members),
            Self::Scalar(_) | Self::List(_) => Err(QueryError::Type),
        }
    }

    pub(crate) fn list(&self) -> Result<&[Value], QueryError> {
        match self {
            Self::List(items) => Ok(items),
            Self::Scalar(_) | Self::Record(_) => Err(QueryError::Type),
        }
    }

    /// The single member of a union, as key and value.
    pub(crate) fn union(&self) -> Result<(&str, &Value), QueryError> {
        match self.record()? {
            [(key, value)] => Ok((key, value)),
            _ => Err(QueryError::Type),
        }
    }
}

/// Decodes a path key: the same rules as a scalar.
pub(crate) fn path_key(raw: &str) -> Result<String, QueryError> {
    Parser { rest: raw }.whole()?.text().map(str::to_owned)
}

/// One layer of decoding for a parameter whose structure is percent-encoded, where that is accepted.
fn unwrap_structure(key: &str, raw: &str, accepted: bool) -> Result<Option<String>, QueryError> {
    let upper = raw.get(..7).unwrap_or(raw).to_ascii_uppercase();
    let encoded =
        upper.starts_with("%28") || upper.starts_with("LIST%28") || (key == "fields" && raw.contains('%'));
    match (encoded, accepted) {
        (false, _) => Ok(None),
        (true, false) => Err(QueryError::EncodedStructure),
        (true, true) => percent_decode_str(raw)
            .decode_utf8()
            .map(|text| Some(text.into_owned()))
            .map_err(|_| QueryError::Encoding),
    }
}

/// Decodes one scalar, once.
fn decode(raw: &str) -> Result<String, QueryError> {
    let bytes = raw.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    for (at, _) in raw.match_indices('%') {
        if !hex(at + 1) || !hex(at + 2) {
            return Err(QueryError::Encoding);
        }
        // A match starts on a character's boundary.
        if raw[at..].starts_with("%25") && hex(at + 3) && hex(at + 4) {
            return Err(QueryError::EncodedTwice);
        }
    }
    percent_decode_str(raw).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| QueryError::Encoding)
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// One value that takes all of the text.
    fn whole(mut self) -> Result<Value, QueryError> {
        let value = self.value(0)?;
        match (self.rest.is_empty(), &value) {
            (true, _) => Ok(value),
            (false, Value::Scalar(_)) => Err(QueryError::RawStructure),
            (false, _) => Err(QueryError::Unbalanced),
        }
    }

    fn value(&mut self, depth: u32) -> Result<Value, QueryError> {
        if depth > DEPTH_MAX {
            return Err(QueryError::TooDeep);
        }
        if self.eat("List(") {
            return self.list(depth);
        }
        if self.eat("(") {
            return self.record(depth);
        }
        decode(self.scalar()?).map(Value::Scalar)
    }

    /// Text up to the next structural character; `(` and `'` may not stand raw in a value at all.
    fn scalar(&mut self) -> Result<&'a str, QueryError> {
        let end = self.rest.find(['(', ')', ':', ',', '\'']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if rest.starts_with(['(', '\'']) {
            return Err(QueryError::RawStructure);
        }
        self.rest = rest;
        Ok(text)
    }

    fn list(&mut self, depth: u32) -> Result<Value, QueryError> {
        let mut items = Vec::new();
        if self.eat(")") {
            return Ok(Value::List(items));
        }
        loop {
            let item = self.value(depth + 1)?;
            if item == Value::Scalar(String::new()) {
                return Err(QueryError::EmptyItem);
            }
            items.push(item);
            if self.ends()? {
                return Ok(Value::List(items));
            }
        }
    }

    fn record(&mut self, depth: u32) -> Result<Value, QueryError> {
        let mut members: Vec<(String, Value)> = Vec::new();
        if self.eat(")") {
            return Ok(Value::Record(members));
        }
        loop {
            let key = decode(self.scalar()?)?;
            if !self.eat(":") || key.is_empty() || members.iter().any(|(known, _)| *known == key) {
                return Err(QueryError::Key);
            }
            let value = self.value(depth + 1)?;
            members.push((key, value));
            if self.ends()? {
                return Ok(Value::Record(members));
            }
        }
    }

    /// After an item: true at the closing parenthesis, false at a comma. A raw colon here is a URN that was not
    /// encoded.
    fn ends(&mut self) -> Result<bool, QueryError> {
        if self.eat(")") {
            return Ok(true);
        }
        if self.eat(",") {
            return Ok(false);
        }
        Err(if self.rest.starts_with(':') { QueryError::RawStructure } else { QueryError::Unbalanced })
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(raw: &str) -> Result<Value, QueryError> {
        Query::parse(raw, false).map(|query| query.values[0].1.clone())
    }

    fn scalar(text: &str) -> Value {
        Value::Scalar(text.to_owned())
    }

    fn record(members: &[(&str, Value)]) -> Value {
        Value::Record(members.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn worked_examples_are_read() {
        let account = record(&[("sponsoredAccount", scalar("urn:li:sponsoredAccount:503000111"))]);
        let statuses = record(&[("values", Value::List(vec![scalar("ACTIVE"), scalar("DRAFT")]))]);
        let examples = [
            ("owner=(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A503000111)", account.clone()),
            (
                "owner=(organization:urn%3Ali%3Aorganization%3A90021)",
                record(&[("organization", scalar("urn:li:organization:90021"))]),
            ),
            ("leadType=(leadType:SPONSORED)", record(&[("leadType", scalar("SPONSORED"))])),
            (
                "submittedAtTimeRange=(start:1785542400000,end:1788220800000)",
                record(&[("start", scalar("1785542400000")), ("end", scalar("1788220800000"))]),
            ),
            (
                "versionedLeadGenFormUrn=urn%3Ali%3AversionedLeadGenForm%3A%28urn%3Ali%3AleadGenForm%3A4400120%2C2%29",
                scalar("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,2)"),
            ),
            (
                "ids=List(5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3,77aa10b2-1c2d-4e3f-9a8b-7c6d5e4f3a2b-1)",
                Value::List(vec![
                    scalar("5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3"),
                    scalar("77aa10b2-1c2d-4e3f-9a8b-7c6d5e4f3a2b-1"),
                ]),
            ),
            (
                "search=(status:(values:List(ACTIVE,DRAFT)),test:false)",
                record(&[("status", statuses), ("test", scalar("false"))]),
            ),
            (
                "owner=(value:(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A503000111))",
                record(&[("value", account)]),
            ),
            ("ids=List()", Value::List(vec![])),
            ("a=(b:)", record(&[("b", scalar(""))])),
            ("a=", scalar("")),
        ];
        for (raw, wanted) in examples {
            assert_eq!(one(raw), Ok(wanted), "{raw}");
        }
    }

    #[test]
    fn mistakes_are_refused_with_their_cause() {
        let mistakes = [
            ("owner=(sponsoredAccount:urn:li:sponsoredAccount:1)", QueryError::RawStructure),
            ("versionedLeadGenFormUrn=urn:li:versionedLeadGenForm:(a,2)", QueryError::RawStructure),
            ("owner=(sponsoredAccount:urn%253Ali%253AsponsoredAccount%253A1)", QueryError::EncodedTwice),
            (
                "owner=%28sponsoredAccount%3Aurn%253Ali%253AsponsoredAccount%253A1%29",
                QueryError::EncodedStructure,
            ),
            ("ids=List%281%2C2%29", QueryError::EncodedStructure),
            ("fields=id%2Cname", QueryError::EncodedStructure),
            ("fields=id,(name)", QueryError::Projection),
            ("owner=(a:b", QueryError::Unbalanced),
            ("owner=(a:b))", QueryError::Unbalanced),
            ("owner=(a:b)c", QueryError::Unbalanced),
            ("owner=(a)", QueryError::Key),
            ("owner=(:b)", QueryError::Key),
            ("owner=(a:b,a:c)", QueryError::Key),
            ("ids=List(1,,2)", QueryError::EmptyItem),
            ("ids=List(1,2", QueryError::Unbalanced),
            ("ids=1,2", QueryError::RawStructure),
            ("name=O'Neil", QueryError::RawStructure),
            ("a=%4", QueryError::Encoding),
            ("a=%zz", QueryError::Encoding),
            ("a=%ff", QueryError::Encoding),
            ("a=1&a=2", QueryError::Parameter),
            ("=1", QueryError::Parameter),
            ("a=1&", QueryError::Parameter),
            ("a=((((((((((b:c))))))))))", QueryError::RawStructure),
        ];
        for (raw, cause) in mistakes {
            assert_eq!(Query::parse(raw, false).unwrap_err(), cause, "{raw}");
        }
        let deep = format!("a={}b{}", "(k:".repeat(10), ")".repeat(10));
        assert_eq!(Query::parse(&deep, false).unwrap_err(), QueryError::TooDeep);
    }

    #[test]
    fn encoded_structure_is_read_only_where_it_is_accepted() {
        let raw = "owner=%28sponsoredAccount%3Aurn%253Ali%253AsponsoredAccount%253A1%29&fields=id%2Cform%3A%28name%29";
        let query = Query::parse(raw, true).unwrap();
        let (key, value) = query.get("owner").unwrap().union().unwrap();
        assert_eq!((key, value.text()), ("sponsoredAccount", Ok("urn:li:sponsoredAccount:1")));
        assert!(query.fields.unwrap().selects("form"));
    }

    #[test]
    fn typed_readers_refuse_other_types() {
        let query = Query::parse("n=12&s=-1&f=1.5&t=true&l=List(1)&big=18446744073709551616", false).unwrap();
        assert_eq!(query.number("n"), Ok(Some(12)));
        for name in ["s", "f", "t", "l", "big"] {
            assert_eq!(query.number(name), Err(QueryError::Type), "{name}");
        }
        assert_eq!(query.flag("t"), Ok(Some(true)));
        assert_eq!(query.flag("n"), Err(QueryError::Type));
        assert_eq!(query.number("absent"), Ok(None));
    }

    proptest! {
        #[test]
        fn any_text_survives_strict_encoding(text in "\\PC{0,40}") {
            let encoded: String = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
            prop_assume!(!text.contains('%'));
            let read = one(&format!("a=(k:{encoded})"));
            prop_assert_eq!(read, Ok(record(&[("k", scalar(&text))])));
        }

        #[test]
        fn no_input_panics(raw in "[a-zL(),:%&='0-9ist]{0,60}") {
            let _ = Query::parse(&raw, false);
            let _ = Query::parse(&raw, true);
        }
    }
}
