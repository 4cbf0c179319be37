//! How people name things of LinkedIn's in manifests and selections: by number, or by a URN of the right type.
//!
//! One place for the configuration's schema, its parser and the selection, lest they disagree.

use super::owner::is_number;

/// A type of thing that is named by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    Account,
    Organization,
    Form,
}

impl Naming {
    const ALL: [Self; 3] = [Self::Account, Self::Organization, Self::Form];

    /// What stands before the number in its URN.
    fn prefix(self) -> &'static str {
        match self {
            Self::Account => "urn:li:sponsoredAccount:",
            Self::Organization => "urn:li:organization:",
            Self::Form => "urn:li:leadGenForm:",
        }
    }

    /// The setting that lists such things.
    fn setting(self) -> &'static str {
        match self {
            Self::Account => "accounts",
            Self::Organization => "organizations",
            Self::Form => "forms",
        }
    }

    /// In the singular, for messages.
    pub(super) fn thing(self) -> &'static str {
        match self {
            Self::Account => "ad account",
            Self::Organization => "organization",
            Self::Form => "lead form",
        }
    }

    /// The regular expression of such names, for the schema.
    pub(super) fn pattern(self) -> String {
        format!("^({})?[1-9][0-9]{{0,19}}$", self.prefix())
    }

    /// What such a name looks like, and where other names belong.
    pub(super) fn form(self) -> String {
        let others = Self::ALL.into_iter().filter(|other| *other != self);
        let others: Vec<String> =
            others.map(|other| format!("{}s belong in `{}`", other.thing(), other.setting())).collect();
        let others = others.join(", ");
        let article = if self == Self::Form { "a" } else { "an" };
        format!("the number of {article} {}, or {}<number>; {others}", self.thing(), self.prefix())
    }

    /// The digits of the thing that is named by number or URN.
    pub(super) fn number(self, text: &str) -> Option<&str> {
        let digits = text.strip_prefix(self.prefix()).unwrap_or(text);
        (is_number(digits) && !digits.starts_with('0')).then_some(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_numbers_and_urns_of_its_own_type_only() {
        for naming in Naming::ALL {
            let longest = format!("{}18446744073709551615", naming.prefix());
            assert_eq!(naming.number(&longest), Some("18446744073709551615"));
            assert_eq!(naming.number("7"), Some("7"));
            for other in Naming::ALL.into_iter().filter(|other| *other != naming) {
                assert_eq!(naming.number(&format!("{}7", other.prefix())), None);
                assert!(naming.form().contains(&format!("`{}`", other.setting())));
            }
            for bad in ["", "0", "007", "-1", "1.5", "x", "urn:li:event:7", "123456789012345678901"] {
                assert_eq!(naming.number(bad), None, "{bad}");
            }
        }
    }
}
