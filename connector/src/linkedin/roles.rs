//! Which Page roles let a member read which leads, as
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync> lists them. Words only.

use super::owner::Kind;

const READING: [&str; 5] =
    ["ADMINISTRATOR", "LEAD_GEN_FORMS_MANAGER", "CURATOR", "CONTENT_ADMINISTRATOR", "ANALYST"];
const EVENT_READING: [&str; 2] = ["ADMINISTRATOR", "CONTENT_ADMINISTRATOR"];

/// The roles that suffice, any one of them.
pub(super) fn sufficient(kind: Kind) -> &'static [&'static str] {
    if kind == Kind::Event { &EVENT_READING } else { &READING }
}

/// `A, B or C`.
pub(super) fn words(kind: Kind) -> String {
    match sufficient(kind).split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Where a role is given, and which.
pub(super) fn grant(kind: Kind) -> String {
    format!("on the LinkedIn page, under Manage admins, give the member {}", words(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_need_more() {
        assert!(words(Kind::Company).ends_with("CONTENT_ADMINISTRATOR or ANALYST"));
        assert_eq!(words(Kind::Event), "ADMINISTRATOR or CONTENT_ADMINISTRATOR");
        assert!(sufficient(Kind::Event).iter().all(|role| sufficient(Kind::Sponsored).contains(role)));
    }
}
