//! Texts with placeholders for names: of the form, the campaign, its group and the creative.

use std::borrow::Cow;

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder that does not exist.
    #[error(
        "`{{{0}}}` is no placeholder; there are {{form}}, {{campaign}}, {{campaign_group}} and {{creative}}"
    )]
    Unknown(String),
    /// A brace without its partner.
    #[error(
        "a brace has no partner; placeholders are {{form}}, {{campaign}}, {{campaign_group}} and {{creative}}"
    )]
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
    CampaignGroup,
    Creative,
}

/// What the placeholders stand for; empty where there is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Names<'a> {
    pub(crate) form: &'a str,
    pub(crate) campaign: &'a str,
    pub(crate) campaign_group: &'a str,
    pub(crate) creative: &'a str,
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
                "campaign_group" => Part::CampaignGroup,
                "creative" => Part::Creative,
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
    pub(crate) fn render<'a>(&'a self, names: Names<'a>) -> Cow<'a, str> {
        let text = |part: &'a Part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Form => names.form.trim(),
            Part::Campaign => names.campaign.trim(),
            Part::CampaignGroup => names.campaign_group.trim(),
            Part::Creative => names.creative.trim(),
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
        let names = Names { form: "Pumps ", campaign: "DACH", campaign_group: "EMEA", creative: "Red pump" };
        assert_eq!(template.render(names), "LinkedIn: Pumps / DACH");
        assert_eq!(template.render(Names { campaign: "", ..names }), "LinkedIn: Pumps /");
        assert_eq!(Template::parse("{form}").unwrap().render(Names { form: " x ", ..names }), "x");
        assert_eq!(Template::parse("Web").unwrap().render(names), "Web");
        let ad = Template::parse("{campaign_group}>{creative}").unwrap();
        assert_eq!(ad.render(names), "EMEA>Red pump");
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
