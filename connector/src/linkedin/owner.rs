//! Who owns lead forms, and which kinds of lead each owner has.
//!
//! See <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>. This module only names things; it
//! sends nothing.

use std::fmt;

const ACCOUNT_URN: &str = "urn:li:sponsoredAccount:";
const ORGANIZATION_URN: &str = "urn:li:organization:";

/// A kind of lead, as LinkedIn spells its `leadType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Given on an ad.
    Sponsored,
    /// Given when registering for an event.
    Event,
    /// Given on a Page or Showcase Page.
    Company,
    /// Given on a product's page.
    OrganizationProduct,
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub(super) const ALL: [Self; 4] =
        [Self::Sponsored, Self::Event, Self::Company, Self::OrganizationProduct];

    /// LinkedIn's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sponsored => "SPONSORED",
            Self::Event => "EVENT",
            Self::Company => "COMPANY",
            Self::OrganizationProduct => "ORGANIZATION_PRODUCT",
        }
    }

    /// The kind of that word.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether its forms belong to a Page rather than to an ad account.
    pub(super) fn is_organic(self) -> bool {
        self != Self::Sponsored
    }
}

/// An ad account or an organization (a Page), by its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Owner {
    /// An ad account; its leads are sponsored.
    Account(String),
    /// An organization; its leads are organic.
    Organization(String),
}

impl Owner {
    /// The owner of a URN.
    pub(super) fn of_urn(urn: &str) -> Option<Self> {
        let account = urn.strip_prefix(ACCOUNT_URN).filter(|id| is_number(id));
        let organization = urn.strip_prefix(ORGANIZATION_URN).filter(|id| is_number(id));
        account
            .map(|id| Self::Account(id.to_owned()))
            .or_else(|| organization.map(|id| Self::Organization(id.to_owned())))
    }

    /// The number.
    pub(super) fn number(&self) -> &str {
        match self {
            Self::Account(number) | Self::Organization(number) => number,
        }
    }

    /// Its member in LinkedIn's owner unions.
    pub(super) fn member(&self) -> &'static str {
        match self {
            Self::Account(_) => "sponsoredAccount",
            Self::Organization(_) => "organization",
        }
    }

    /// `urn:li:<type>:<number>`.
    pub(super) fn urn(&self) -> String {
        match self {
            Self::Account(number) => format!("{ACCOUNT_URN}{number}"),
            Self::Organization(number) => format!("{ORGANIZATION_URN}{number}"),
        }
    }

    /// Whether it can own forms for leads of this kind.
    pub(super) fn can_have(&self, kind: Kind) -> bool {
        matches!(self, Self::Organization(_)) == kind.is_organic()
    }
}

/// For messages.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(number) => write!(f, "ad account {number}"),
            Self::Organization(number) => write!(f, "organization {number}"),
        }
    }
}

/// What a partition of `lead_responses` holds: one owner's leads of one kind. Its id is `<KIND>:<number>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Holding {
    /// The kind.
    pub(super) kind: Kind,
    /// The owner; always one that can have that kind.
    pub(super) owner: Owner,
}

impl Holding {
    /// The holding of a partition's id.
    pub(super) fn parse(id: &str) -> Option<Self> {
        let (word, number) = id.split_once(':')?;
        let kind = Kind::parse(word)?;
        let owner = if kind.is_organic() { Owner::Organization } else { Owner::Account };
        is_number(number).then(|| Self { kind, owner: owner(number.to_owned()) })
    }

    /// The partition's id.
    pub(super) fn id(&self) -> String {
        format!("{}:{}", self.kind.word(), self.owner.number())
    }
}

/// Whether a text is a number of LinkedIn's: 64 bits, in digits.
pub(super) fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_went() {
        for kind in Kind::ALL {
            let id = format!("{}:18446744073709551615", kind.word());
            let holding = Holding::parse(&id).unwrap();
            assert_eq!(holding.id(), id);
            assert!(holding.owner.can_have(kind));
            assert_eq!(Owner::of_urn(&holding.owner.urn()), Some(holding.owner));
        }
        for id in ["SPONSORED", "SPONSORED:", "SPONSORED:x", "sponsored:1", "OTHER:1", ":1"] {
            assert_eq!(Holding::parse(id), None, "{id}");
        }
    }
}
