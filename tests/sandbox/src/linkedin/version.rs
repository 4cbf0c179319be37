//! The version table: which monthly versions exist, and until when. Pure.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/migrations>

use std::collections::BTreeMap;

use super::problem::Problem;
use crate::clock::Date;

/// Versions and the date on which each ends. The last two dates follow the pattern; LinkedIn has not published them.
const TABLE: [(&str, &str); 13] = [
    ("202508", "2026-08-17"),
    ("202509", "2026-09-15"),
    ("202510", "2026-10-15"),
    ("202511", "2026-11-16"),
    ("202601", "2027-01-15"),
    ("202602", "2027-02-15"),
    ("202603", "2027-03-16"),
    ("202604", "2027-04-15"),
    ("202605", "2027-05-15"),
    ("202606", "2027-06-15"),
    ("202607", "2027-07-15"),
    ("202608", "2027-08-16"),
    ("202609", "2027-09-15"),
];

/// Checks the `LinkedIn-Version` header at `now_ms`; `sunset` holds dates over or beside the table. Answers the version
/// as error messages spell it, with a trailing `01`.
pub(crate) fn check(
    header: Option<&str>,
    sunset: &BTreeMap<String, String>,
    now_ms: u64,
) -> Result<String, Problem> {
    let version =
        header.map(str::trim).filter(|text| !text.is_empty()).ok_or_else(Problem::version_missing)?;
    if version.len() != 6 || !version.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::illegal_argument("the version is not YYYYMM"));
    }
    let listed = TABLE.iter().find(|(known, _)| *known == version).map(|(_, date)| *date);
    let end = sunset.get(version).map(String::as_str).or(listed).and_then(Date::parse);
    match end {
        Some(end) if Date::at(now_ms) < end => Ok(format!("{version}01")),
        _ => Err(Problem::version_not_active(version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::DAY_MS;

    /// 2026-08-17 00:00 UTC.
    const SUNSET_202508_MS: u64 = 1_785_542_400_000 + 16 * DAY_MS;

    fn status(header: Option<&str>, now_ms: u64) -> Result<String, u16> {
        check(header, &BTreeMap::new(), now_ms).map_err(|problem| problem.status)
    }

    #[test]
    fn a_version_ends_on_its_date() {
        assert_eq!(status(Some("202508"), SUNSET_202508_MS - 1), Ok("20250801".to_owned()));
        assert_eq!(status(Some("202508"), SUNSET_202508_MS), Err(426));
        assert_eq!(status(Some("202609"), SUNSET_202508_MS), Ok("20260901".to_owned()));
    }

    #[test]
    fn missing_malformed_and_unlisted_versions() {
        assert_eq!(status(None, 0), Err(400));
        assert_eq!(status(Some(""), 0), Err(400));
        assert_eq!(status(Some("2026-09"), 0), Err(400));
        assert_eq!(status(Some("202512"), 0), Err(426), "no such month was published");
    }

    #[test]
    fn a_date_can_be_brought_forward() {
        let sunset = BTreeMap::from([("202609".to_owned(), "2026-08-16".to_owned())]);
        assert_eq!(check(Some("202609"), &sunset, SUNSET_202508_MS).unwrap_err().status, 426);
        assert_eq!(check(Some("202609"), &sunset, SUNSET_202508_MS - 2 * DAY_MS).unwrap(), "20260901");
    }
}
