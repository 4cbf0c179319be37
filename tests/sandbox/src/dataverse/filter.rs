//! `$filter`: text to an untyped expression. Names are not resolved here; [`super::query`] does that for rows and
//! [`super::metadata`] for definitions.
//!
//! See <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows>.

use super::error::{ApiError, Outcome};
use super::guid;
use super::resource;
use super::time;

/// Deepest nesting of parentheses and `not`.
const MAX_DEPTH: u32 = 100;
/// Greatest number of conditions (0x8004430C; the number is not published).
const MAX_CONDITIONS: usize = 500;
/// Greatest number of values in all conditions (0x8004430E: parameters of one SQL statement).
const MAX_PARAMETERS: usize = 2100;

/// An untyped filter expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    /// `name op literal`.
    Compare(String, Operator, Literal),
    /// `contains(name,'text')` and its like.
    Text(TextTest, String, String),
    /// `Microsoft.Dynamics.CRM.In(...)`; `true` for `NotIn`.
    In(String, Vec<String>, bool),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            _ => return None,
        })
    }

    /// OData's name of the operator, for errors.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Equal => "Equal",
            Self::NotEqual => "NotEqual",
            Self::Greater => "GreaterThan",
            Self::GreaterOrEqual => "GreaterThanOrEqual",
            Self::Less => "LessThan",
            Self::LessOrEqual => "LessThanOrEqual",
        }
    }
}

/// A text function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Text(String),
    Int(i64),
    Number(f64),
    Bool(bool),
    Guid(u128),
    Instant(i64),
    Date(i64),
    /// `Namespace.Enumeration'Member'`, in metadata.
    Enum(String),
}

impl Literal {
    /// OData's name of the literal's type.
    pub(crate) fn edm(&self) -> &'static str {
        match self {
            Self::Null => "<null>",
            Self::Text(_) => "Edm.String",
            Self::Int(_) => "Edm.Int32",
            Self::Number(_) => "Edm.Decimal",
            Self::Bool(_) => "Edm.Boolean",
            Self::Guid(_) => "Edm.Guid",
            Self::Instant(_) => "Edm.DateTimeOffset",
            Self::Date(_) => "Edm.Date",
            Self::Enum(_) => "Edm.EnumType",
        }
    }
}

/// Reads a filter; `aliases` are the `@p…` options of the address.
pub(crate) fn parse(text: &str, aliases: &[(String, String)]) -> Outcome<Expression> {
    let mut parser = Parser { text, at: 0, aliases, conditions: 0, parameters: 0 };
    let expression = parser.disjunction(0)?;
    parser.spaces();
    if parser.at < text.len() { Err(parser.error()) } else { Ok(expression) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    aliases: &'a [(String, String)],
    conditions: usize,
    parameters: usize,
}

impl<'a> Parser<'a> {
    fn error(&self) -> ApiError {
        ApiError::syntax(format!("Syntax error at position {} in the $filter expression.", self.at))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn spaces(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        self.at += length;
        length > 0
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn expect(&mut self, sign: &str) -> Outcome<()> {
        self.spaces();
        if self.take(sign) { Ok(()) } else { Err(self.error()) }
    }

    /// A run of characters that names, numbers, GUIDs and dates are made of.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|sign: char| !(sign.is_alphanumeric() || "_.-:+@/".contains(sign)))
            .unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// The next word if it is this keyword with a space behind it.
    fn keyword(&mut self, keyword: &str) -> bool {
        let start = self.at;
        self.spaces();
        if self.word() == keyword && (self.spaces() || self.rest().starts_with('(')) {
            return true;
        }
        self.at = start;
        false
    }

    fn disjunction(&mut self, depth: u32) -> Outcome<Expression> {
        let mut left = self.conjunction(depth)?;
        while self.keyword("or") {
            left = Expression::Or(Box::new(left), Box::new(self.conjunction(depth)?));
        }
        Ok(left)
    }

    fn conjunction(&mut self, depth: u32) -> Outcome<Expression> {
        let mut left = self.unary(depth)?;
        while self.keyword("and") {
            left = Expression::And(Box::new(left), Box::new(self.unary(depth)?));
        }
        Ok(left)
    }

    fn unary(&mut self, depth: u32) -> Outcome<Expression> {
        if depth > MAX_DEPTH {
            return Err(self.error());
        }
        self.spaces();
        if self.keyword("not") {
            return Ok(Expression::Not(Box::new(self.unary(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.disjunction(depth + 1)?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.condition()
    }

    fn condition(&mut self) -> Outcome<Expression> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(ApiError::new(
                400,
                "0x8004430C",
                "Number of conditions in query exceeded maximum limit.",
            ));
        }
        let name = self.word();
        if name.is_empty() || name.starts_with(|first: char| !(first.is_alphabetic() || first == '_')) {
            return Err(self.error());
        }
        if self.take("(") {
            return self.function(name);
        }
        if !self.spaces() {
            return Err(self.error());
        }
        let operator = Operator::parse(self.word()).ok_or_else(|| self.error())?;
        if !self.spaces() {
            return Err(self.error());
        }
        self.count(1)?;
        Ok(Expression::Compare(name.to_owned(), operator, self.literal()?))
    }

    fn count(&mut self, parameters: usize) -> Outcome<()> {
        self.parameters += parameters;
        if self.parameters > MAX_PARAMETERS {
            return Err(ApiError::new(
                400,
                "0x8004430E",
                "Number of parameters in a condition exceeded maximum limit.",
            ));
        }
        Ok(())
    }

    fn function(&mut self, name: &str) -> Outcome<Expression> {
        let test = match name {
            "contains" => TextTest::Contains,
            "startswith" => TextTest::StartsWith,
            "endswith" => TextTest::EndsWith,
            "Microsoft.Dynamics.CRM.In" => return self.membership(false),
            "Microsoft.Dynamics.CRM.NotIn" => return self.membership(true),
            _ if name.starts_with("Microsoft.Dynamics.CRM.") => {
                return Err(ApiError::left_out(&format!("the query function {name}")));
            }
            _ => return Err(ApiError::syntax(format!("An unknown function with name '{name}' was found."))),
        };
        self.spaces();
        let column = self.word().to_owned();
        self.expect(",")?;
        self.spaces();
        self.count(1)?;
        let Literal::Text(text) = self.literal()? else { return Err(self.error()) };
        self.expect(")")?;
        Ok(Expression::Text(test, column, text))
    }

    fn membership(&mut self, negated: bool) -> Outcome<Expression> {
        let (mut property, mut values) = (None, None);
        loop {
            self.spaces();
            let parameter = self.word();
            self.expect("=")?;
            self.spaces();
            match parameter {
                "PropertyName" => property = Some(self.property_name()?),
                "PropertyValues" => values = Some(self.property_values()?),
                _ => return Err(self.error()),
            }
            self.spaces();
            if self.take(")") {
                break;
            }
            self.expect(",")?;
        }
        let (Some(property), Some(values)) = (property, values) else { return Err(self.error()) };
        self.count(values.len())?;
        Ok(Expression::In(property, values, negated))
    }

    fn alias(&mut self) -> Outcome<Option<&'a str>> {
        if !self.rest().starts_with('@') {
            return Ok(None);
        }
        let name = self.word();
        let found = self.aliases.iter().find(|(alias, _)| alias == name);
        found.map(|(_, value)| Some(value.as_str())).ok_or_else(|| self.error())
    }

    fn property_name(&mut self) -> Outcome<String> {
        let literal = match self.alias()? {
            Some(value) => value,
            None => self.quoted()?,
        };
        resource::unquote(literal.trim()).ok_or_else(|| self.error())
    }

    fn property_values(&mut self) -> Outcome<Vec<String>> {
        let refused = |parser: &Self| {
            ApiError::syntax(format!(
                "The parameter 'PropertyValues' at position {} must be an array of strings in double quotes.",
                parser.at
            ))
        };
        if let Some(value) = self.alias()? {
            return serde_json::from_str(value).map_err(|_| refused(self));
        }
        let mut stream = serde_json::Deserializer::from_str(self.rest()).into_iter::<Vec<String>>();
        let values = stream.next().and_then(Result::ok).ok_or_else(|| refused(self))?;
        self.at += stream.byte_offset();
        Ok(values)
    }

    /// A literal in single quotes, quotes kept.
    fn quoted(&mut self) -> Outcome<&'a str> {
        let rest = self.rest();
        if !rest.starts_with('\'') {
            return Err(self.error());
        }
        let bytes = rest.as_bytes();
        let mut at = 1;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            if *byte == b'\'' {
                if bytes.get(at) != Some(&b'\'') {
                    self.at += at;
                    return Ok(rest.get(..at).unwrap_or_default());
                }
                at += 1;
            }
        }
        Err(self.error())
    }

    fn literal(&mut self) -> Outcome<Literal> {
        if let Some(value) = self.alias()? {
            let mut inner = Parser { text: value, at: 0, aliases: &[], conditions: 0, parameters: 0 };
            return inner.literal();
        }
        if self.rest().starts_with('\'') {
            let quoted = self.quoted()?;
            return resource::unquote(quoted).map(Literal::Text).ok_or_else(|| self.error());
        }
        let start = self.at;
        let word = self.word();
        if self.rest().starts_with('\'') && word.contains('.') {
            let quoted = self.quoted()?;
            return resource::unquote(quoted).map(Literal::Enum).ok_or_else(|| self.error());
        }
        constant(word).ok_or_else(|| {
            self.at = start;
            self.error()
        })
    }
}

fn constant(word: &str) -> Option<Literal> {
    match word {
        "null" => return Some(Literal::Null),
        "true" => return Some(Literal::Bool(true)),
        "false" => return Some(Literal::Bool(false)),
        _ => {}
    }
    if let Some(id) = guid::parse(word) {
        return Some(Literal::Guid(id));
    }
    if let Some(instant) = time::parse_instant(word) {
        return Some(Literal::Instant(instant));
    }
    if let Some(date) = time::parse_date(word) {
        return Some(Literal::Date(date));
    }
    if let Ok(whole) = word.parse::<i64>() {
        return Some(Literal::Int(whole));
    }
    let numeric = word.bytes().all(|byte| byte.is_ascii_digit() || b".-+eE".contains(&byte));
    word.parse::<f64>().ok().filter(|_| numeric).map(Literal::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn and_binds_closer_than_or() {
        let parsed = parse("a eq 1 or b eq 2 and not c eq 3", &[]).unwrap();
        let Expression::Or(_, right) = parsed else { panic!("or is outermost") };
        assert!(matches!(*right, Expression::And(_, inner) if matches!(*inner, Expression::Not(_))));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}a eq 1{}", "(".repeat(5000), ")".repeat(5000));
        assert!(parse(&deep, &[]).is_err());
    }

    #[test]
    fn an_alias_stands_for_its_literal() {
        let aliases = [("@v".to_owned(), "'it''s'".to_owned())];
        let wanted = Expression::Compare("a".to_owned(), Operator::Equal, Literal::Text("it's".to_owned()));
        assert_eq!(parse("a eq @v", &aliases).unwrap(), wanted);
        assert!(parse("a eq @w", &aliases).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z()',@\\[\\]\"=. 0-9é]{0,60}", any in ".{0,40}") {
            _ = parse(&text, &[("@p".to_owned(), any.clone())]);
            _ = parse(&any, &[]);
        }

        #[test]
        fn any_text_survives_quoting(text in ".{0,40}") {
            let filter = format!("a eq '{}'", text.replace('\'', "''"));
            let wanted = Expression::Compare("a".to_owned(), Operator::Equal, Literal::Text(text));
            prop_assert_eq!(parse(&filter, &[]).unwrap(), wanted);
        }
    }
}
