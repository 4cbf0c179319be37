//! The streams that the source offers. Names only.

use crate::failure::{Detail, Failure};

/// One kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stream {
    /// Submissions, read incrementally. A partition is one owner's leads of one kind.
    LeadResponses,
    /// Every version of every form. A partition is one owner: `account:<number>` or `organization:<number>`.
    LeadForms,
    /// The member's ad accounts, in one partition.
    AdAccounts,
    /// Campaigns with their groups. A partition is one ad account: `account:<number>`.
    Campaigns,
    /// Creatives. A partition is one ad account: `account:<number>`.
    Creatives,
}

impl Stream {
    /// Every stream.
    pub(super) const ALL: [Self; 5] =
        [Self::LeadResponses, Self::LeadForms, Self::AdAccounts, Self::Campaigns, Self::Creatives];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LeadResponses => "lead_responses",
            Self::LeadForms => "lead_forms",
            Self::AdAccounts => "ad_accounts",
            Self::Campaigns => "campaigns",
            Self::Creatives => "creatives",
        }
    }

    /// The stream of that name.
    ///
    /// # Errors
    ///
    /// [`Failure::Fatal`] for a name that is none of a stream.
    pub(super) fn parse(name: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|stream| stream.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|stream| format!("`{}`", stream.name())).collect();
            Failure::Fatal(Detail::new(format!(
                "this source has no such stream; it has {}: set one of these as the pipeline's stream",
                names.join(", ")
            )))
        })
    }
}
