//! Texts with placeholders: nothing but `{form}` and `{campaign}`.

use std::borrow::Cow;

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder that does not exist.
    #[error("`{{{0}}}` is no placeholder; there are {{form}} and {{campaign}}")]
    Unknown(String),
    /// A brace without its partner.
    #[error("a brace has no partner; placeholders are {{form}} and {{campaign}}")]
    Unbalanced,
    /// Nothing at all.
    #[error("it is empty; give a text such as `LinkedIn: {{form}}`")]
    Empty,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Form,
    Campaign,
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Parses the text.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(TemplateError::Empty);
        }
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, tail) = rest.split_at(at);
            let inner = tail.strip_prefix('{').ok_or(TemplateError::Unbalanced)?;
            let (name, after) = inner.split_once('}').ok_or(TemplateError::Unbalanced)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(match name {
                "form" => Part::Form,
                "campaign" => Part::Campaign,
                other => return Err(TemplateError::Unknown(other.to_owned())),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The text with its placeholders filled in, without white space at either end.
    pub(crate) fn render<'a>(&'a self, form: &'a str, campaign: &'a str) -> Cow<'a, str> {
        let text = |part: &'a Part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Form => form.trim(),
            Part::Campaign => campaign.trim(),
        };
        match self.parts.as_slice() {
            [only] => Cow::Borrowed(text(only).trim()),
            parts => {
                let whole: String = parts.iter().map(text).collect();
                let trimmed = whole.trim();
                // White space at the ends is rare, and only then is a second copy made.
                if trimmed.len() == whole.len() { Cow::Owned(whole) } else { Cow::Owned(trimmed.to_owned()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_what_it_knows() {
        let template = Template::parse("LinkedIn: {form} / {campaign}").unwrap();
        assert_eq!(template.render("Pumps ", "DACH"), "LinkedIn: Pumps / DACH");
        assert_eq!(template.render("Pumps", ""), "LinkedIn: Pumps /");
        assert_eq!(Template::parse("{form}").unwrap().render(" x ", ""), "x");
        assert_eq!(Template::parse("Web").unwrap().render("x", "y"), "Web");
    }

    #[test]
    fn refuses_the_rest() {
        assert_eq!(Template::parse("{name}"), Err(TemplateError::Unknown("name".to_owned())));
        assert_eq!(Template::parse("{form"), Err(TemplateError::Unbalanced));
        assert_eq!(Template::parse("form}"), Err(TemplateError::Unbalanced));
        assert_eq!(Template::parse("{{form}}"), Err(TemplateError::Unknown("{form".to_owned())));
        assert_eq!(Template::parse(" "), Err(TemplateError::Empty));
    }
}
