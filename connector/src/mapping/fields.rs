//! LinkedIn's profile fields and where their answers go by default.
//!
//! Field names: <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/lead-sync-schema>. Spellings that
//! only appear elsewhere are accepted as aliases. A name that is not listed here is no error: its answer is kept in
//! the description, unless the configuration names a column for it.

/// The one name of a field that is spelt in several ways.
pub(crate) fn canonical(name: &str) -> &str {
    match name {
        "EMAIL_ADDRESS" => "EMAIL",
        "LINKEDIN_PROFILE_URL" => "LINKEDIN_PROFILE_LINK",
        "MOBILE_PHONE_NUMBER" => "PHONE_NUMBER",
        "POSTAL_CODE" => "ZIP_CODE",
        other => other,
    }
}

/// Columns of the lead table for one field, in order of preference.
pub(crate) struct Default {
    pub(crate) field: &'static str,
    pub(crate) columns: &'static [&'static str],
    /// Placed after the others, because it takes what they leave free.
    pub(crate) late: bool,
}

const fn first(field: &'static str, columns: &'static [&'static str]) -> Default {
    Default { field, columns, late: false }
}

const fn late(field: &'static str, columns: &'static [&'static str]) -> Default {
    Default { field, columns, late: true }
}

/// The work address takes the first e-mail column where no private address was given; a mobile phone that does not
/// fit takes the business phone's column where that is free; the profile's address takes the web site's column where
/// no web site was given.
pub(crate) const DEFAULTS: [Default; 15] = [
    first("FIRST_NAME", &["firstname"]),
    first("LAST_NAME", &["lastname"]),
    first("EMAIL", &["emailaddress1"]),
    late("WORK_EMAIL", &["emailaddress1", "emailaddress2"]),
    late("PHONE_NUMBER", &["mobilephone", "telephone1"]),
    first("WORK_PHONE_NUMBER", &["telephone1"]),
    first("COMPANY_WEBSITE", &["websiteurl"]),
    late("LINKEDIN_PROFILE_LINK", &["websiteurl"]),
    first("CITY", &["address1_city"]),
    first("STATE", &["address1_stateorprovince"]),
    first("COUNTRY", &["address1_country"]),
    first("ZIP_CODE", &["address1_postalcode"]),
    first("JOB_TITLE", &["jobtitle"]),
    first("COMPANY_NAME", &["companyname"]),
    first("COMPANY_SIZE", &["numberofemployees"]),
];

/// A fact that deserves special care: it goes nowhere unless the configuration says where.
pub(crate) const SENSITIVE: &str = "GENDER";

/// The only field whose answer is a band of numbers.
pub(crate) const BAND: &str = "COMPANY_SIZE";
