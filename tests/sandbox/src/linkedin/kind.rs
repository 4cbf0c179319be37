//! Kinds of lead, and the owners that have each: which slice of the population belongs to whom. Pure.
//!
//! The population is cut into slices. The first are the ad accounts', one each; then every Page with forms of its own has
//! three, one per organic kind. A slice is what the rest of the stand-in calls by the number `account`.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>

use serde::{Deserialize, Serialize};

/// A kind of lead, as `leadType` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// An ad's lead; an ad account owns it.
    Sponsored,
    /// A registration for an event; a Page owns it.
    Event,
    /// A lead of a Page or Showcase Page; a Page owns it.
    Company,
    /// A lead of a product page; a Page owns it.
    OrganizationProduct,
}

/// The kinds that a Page owns, in the order of their slices.
pub(crate) const ORGANIC: [Kind; 3] = [Kind::Event, Kind::Company, Kind::OrganizationProduct];
/// Slices of one Page.
pub(crate) const SLICES_PER_PAGE: u64 = ORGANIC.len() as u64;

impl Kind {
    /// The value of `leadType`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sponsored => "SPONSORED",
            Self::Event => "EVENT",
            Self::Company => "COMPANY",
            Self::OrganizationProduct => "ORGANIZATION_PRODUCT",
        }
    }

    /// The kind that a `leadType` names.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Sponsored, Self::Event, Self::Company, Self::OrganizationProduct]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Who owns a slice. Holds the number of the account or Page, counted from 0, not its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Account(u64),
    Page(u64, Kind),
}

impl Holder {
    /// The owner of a slice, where the first `accounts` slices are the ad accounts'.
    pub(crate) fn of(slice: u64, accounts: u64) -> Self {
        match slice.checked_sub(accounts) {
            None => Self::Account(slice),
            Some(organic) => {
                // The remainder is below the length.
                Self::Page(organic / SLICES_PER_PAGE, ORGANIC[(organic % SLICES_PER_PAGE) as usize])
            }
        }
    }

    /// The slice of a Page's organic kind; `None` for the sponsored kind.
    pub(crate) fn slice(page: u64, kind: Kind, accounts: u64) -> Option<u64> {
        let at = ORGANIC.iter().position(|organic| *organic == kind)?;
        Some(accounts + page * SLICES_PER_PAGE + at as u64)
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Account(_) => Kind::Sponsored,
            Self::Page(_, kind) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_lead_to_their_holders_and_back() {
        assert_eq!(Holder::of(2, 3), Holder::Account(2));
        for page in 0..4 {
            for kind in ORGANIC {
                let slice = Holder::slice(page, kind, 3).unwrap();
                assert_eq!(Holder::of(slice, 3), Holder::Page(page, kind));
            }
        }
        assert_eq!(Holder::slice(0, Kind::Sponsored, 3), None);
    }

    #[test]
    fn names_are_the_ones_on_the_wire() {
        for kind in ORGANIC.into_iter().chain([Kind::Sponsored]) {
            assert_eq!(Kind::parse(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(Kind::parse("sponsored"), None);
    }
}
