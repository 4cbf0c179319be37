//! LinkedIn's JSON as borrowed structures, tolerant of everything that is not expected.
//!
//! Members that are not named here are kept as they were sent. Parts that are nearly the same in every element
//! (the form above all) stay raw text, so that each distinct one is parsed once; see [`Seen`]. The shapes are those of
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/lead-sync-schema>.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::extra::Extra;
use crate::text::Text;

use super::open::open_object;

/// An id that comes as a number or as a string; digits in a string are the same id as the number.
///
/// Numbers of any size and sign keep every digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id<'a> {
    Number(u64),
    Word(Text<'a>),
}

impl<'a> Id<'a> {
    pub(super) fn to_text(&self) -> Text<'a> {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Word(word) => word.clone(),
        }
    }

    fn from_word(word: Text<'a>) -> Self {
        let canonical = !word.starts_with('0') || word.len() == 1;
        match word.parse() {
            Ok(number) if canonical && word.bytes().all(|byte| byte.is_ascii_digit()) => Self::Number(number),
            _ => Self::Word(word),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        match raw.as_bytes() {
            // Only from the text does a number come with all its digits.
            [b'-' | b'0'..=b'9', ..] => Ok(Self::from_word(raw.into())),
            [b'"', ..] => {
                let word: Text<'de> = serde_json::from_str(raw).map_err(Error::custom)?;
                Ok(Self::from_word(word))
            }
            _ => Err(Error::custom("an id (a number or a string) is needed")),
        }
    }
}

/// A time or count that comes as a number or as digits in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Id::deserialize(deserializer)? {
            Id::Number(number) => Ok(Self(number)),
            Id::Word(_) => Err(Error::custom("a whole number is needed")),
        }
    }
}

/// A union such as `{"sponsoredAccount": "urn:..."}`, or a plain string.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Member<'a> {
    /// The member's name; None for a plain string.
    pub(super) name: Option<Text<'a>>,
    /// The first string in it.
    pub(super) value: Option<Text<'a>>,
    /// Whatever else is in it.
    pub(super) extra: Extra<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MemberVisitor;
        impl<'de> Visitor<'de> for MemberVisitor {
            type Value = Member<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object with one string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Member { value: Some(text.into()), ..Member::default() })
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Member { value: Some(text.to_owned().into()), ..Member::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut member = Member::default();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    let value: &'de RawValue = map.next_value()?;
                    match serde_json::from_str(value.get()) {
                        Ok(text) if member.value.is_none() => {
                            (member.name, member.value) = (Some(name), Some(text));
                        }
                        _ => member.extra.push(name, value),
                    }
                }
                Ok(member)
            }
        }
        deserializer.deserialize_any(MemberVisitor)
    }
}

open_object! {
    /// One response of `leadFormResponses`.
    struct Element<'a> {
        required {
            id: Id<'a> = "id",
            submitted_at: Number = "submittedAt",
        }
        optional {
            test_lead: bool = "testLead",
            lead_type: Member<'a> = "leadType",
            owner: Member<'a> = "owner",
            owner_info: &'a RawValue = "ownerInfo",
            submitter: Member<'a> = "submitter",
            form_urn: Text<'a> = "versionedLeadGenFormUrn",
            associated_entity: Member<'a> = "associatedEntity",
            associated_entity_info: &'a RawValue = "associatedEntityInfo",
            lead_metadata: &'a RawValue = "leadMetadata",
            lead_metadata_info: &'a RawValue = "leadMetadataInfo",
            form_response: FormResponse<'a> = "formResponse",
            form: &'a RawValue = "form",
        }
        ignored {}
    }
}

open_object! {
    struct FormResponse<'a> {
        required {}
        optional {
            answers: Vec<Answer<'a>> = "answers",
            consent_responses: Vec<ConsentResponse<'a>> = "consentResponses",
        }
        ignored {}
    }
}

open_object! {
    struct Answer<'a> {
        required {
            question_id: Id<'a> = "questionId",
        }
        optional {
            answer_details: Details<'a> = "answerDetails",
        }
        ignored {}
    }
}

open_object! {
    struct ConsentResponse<'a> {
        required {
            consent_id: Id<'a> = "consentId",
        }
        optional {
            accepted: bool = "accepted",
        }
        ignored {}
    }
}

/// The union `answerDetails`.
#[derive(Default)]
pub(super) struct Details<'a> {
    pub(super) given: Option<Given<'a>>,
    /// What is not understood, the answer included if it is of an unknown kind.
    pub(super) extra: Extra<'a>,
}

/// One answer.
pub(super) enum Given<'a> {
    Text(Text<'a>),
    Options(Vec<Id<'a>>),
    /// A kind of answer that LinkedIn has added since; as it came.
    Other(&'a RawValue),
}

open_object! {
    struct TextAnswer<'a> {
        required {}
        optional {
            answer: Text<'a> = "answer",
        }
        ignored {}
    }
}

open_object! {
    struct ChoiceAnswer<'a> {
        required {}
        optional {
            options: Vec<Id<'a>> = "options",
        }
        ignored {}
    }
}

impl<'a> Details<'a> {
    /// A known kind of answer stands before one that is not known.
    fn put_known(&mut self, name: Text<'a>, given: Given<'a>, extra: &Extra<'a>) {
        self.given = Some(given);
        self.extra.push_within(name, extra);
    }

    fn put_other(&mut self, name: Text<'a>, raw: &'a RawValue) {
        self.given.get_or_insert(Given::Other(raw));
        self.extra.push(name, raw);
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Details<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DetailsVisitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for DetailsVisitor<'a> {
            type Value = Details<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one kind of answer")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut details = Details::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        "textQuestionAnswer" => {
                            let answer: TextAnswer<'de> = map.next_value()?;
                            let text = answer.answer.unwrap_or_default();
                            details.put_known(key, Given::Text(text), &answer.extra);
                        }
                        "multipleChoiceAnswer" => {
                            let answer: ChoiceAnswer<'de> = map.next_value()?;
                            let options = answer.options.unwrap_or_default();
                            details.put_known(key, Given::Options(options), &answer.extra);
                        }
                        _ => details.put_other(key, map.next_value()?),
                    }
                }
                Ok(details)
            }
        }
        deserializer.deserialize_map(DetailsVisitor(PhantomData))
    }
}

open_object! {
    /// `ownerInfo`: a union whose value holds a name.
    struct OwnerInfo<'a> {
        required {}
        optional {
            account: NameInfo<'a> = "sponsoredAccountInfo",
            organization: NameInfo<'a> = "organizationInfo",
        }
        ignored {}
    }
}

open_object! {
    struct NameInfo<'a> {
        required {}
        optional {
            name: Localized<'a> = "name",
            localized_name: Text<'a> = "localizedName",
        }
        ignored {}
    }
}

impl<'a> OwnerInfo<'a> {
    pub(super) fn name(&self) -> Option<&Text<'a>> {
        let info = self.account.as_ref().or(self.organization.as_ref())?;
        info.localized_name.as_ref().or_else(|| info.name.as_ref()?.text(None))
    }
}

open_object! {
    /// `leadMetadata` of a sponsored lead.
    struct Metadata<'a> {
        required {}
        optional {
            sponsored: SponsoredMetadata<'a> = "sponsoredLeadMetadata",
        }
        ignored {}
    }
}

open_object! {
    struct SponsoredMetadata<'a> {
        required {}
        optional {
            campaign: Text<'a> = "campaign",
        }
        ignored {}
    }
}

impl<'a> Metadata<'a> {
    pub(super) fn campaign(&self) -> Option<&Text<'a>> {
        self.sponsored.as_ref()?.campaign.as_ref()
    }
}

open_object! {
    /// `leadMetadataInfo` of a sponsored lead.
    struct MetadataInfo<'a> {
        required {}
        optional {
            sponsored: SponsoredInfo<'a> = "sponsoredLeadMetadataInfo",
        }
        ignored {}
    }
}

open_object! {
    struct SponsoredInfo<'a> {
        required {}
        optional {
            campaign: CampaignInfo<'a> = "campaign",
        }
        ignored {}
    }
}

open_object! {
    struct CampaignInfo<'a> {
        required {}
        optional {
            id: Id<'a> = "id",
            name: Text<'a> = "name",
            kind: Text<'a> = "type",
        }
        ignored {}
    }
}

impl<'a> MetadataInfo<'a> {
    pub(super) fn campaign(&self) -> Option<&CampaignInfo<'a>> {
        self.sponsored.as_ref()?.campaign.as_ref()
    }
}

open_object! {
    /// `associatedEntityInfo`: a union whose value holds an id and perhaps a name.
    struct EntityInfo<'a> {
        required {}
        optional {
            creative: CreativeInfo<'a> = "associatedCreative",
        }
        ignored {}
    }
}

open_object! {
    struct CreativeInfo<'a> {
        required {}
        optional {
            id: Id<'a> = "id",
            name: Text<'a> = "name",
        }
        ignored {}
    }
}

/// A part of a response that may hold members which are not known here.
pub(super) trait Whole {
    /// Whether everything in it is known.
    fn is_known(&self) -> bool;
}

impl Whole for OwnerInfo<'_> {
    fn is_known(&self) -> bool {
        let infos = [&self.account, &self.organization];
        self.extra.is_empty() && infos.into_iter().flatten().all(|info| info.extra.is_empty())
    }
}

impl Whole for Metadata<'_> {
    fn is_known(&self) -> bool {
        self.extra.is_empty() && self.sponsored.as_ref().is_none_or(|sponsored| sponsored.extra.is_empty())
    }
}

impl Whole for MetadataInfo<'_> {
    fn is_known(&self) -> bool {
        let sponsored = self.sponsored.as_ref();
        let campaign = self.campaign();
        self.extra.is_empty()
            && sponsored.is_none_or(|sponsored| sponsored.extra.is_empty())
            && campaign.is_none_or(|campaign| campaign.extra.is_empty())
    }
}

impl Whole for EntityInfo<'_> {
    fn is_known(&self) -> bool {
        self.extra.is_empty() && self.creative.as_ref().is_none_or(|creative| creative.extra.is_empty())
    }
}

/// A text in one or more languages, or a plain string.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Localized<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'a> Localized<'a> {
    /// The text in this locale (`de_DE`), else the first one given.
    pub(super) fn text(&self, locale: Option<&str>) -> Option<&Text<'a>> {
        let wanted = self.0.iter().find(|(key, _)| locale == Some(&**key));
        wanted.or_else(|| self.0.first()).map(|(_, text)| text)
    }
}

struct Entries<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Vec<(Text<'de>, Text<'de>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts by locale")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(EntriesVisitor).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Localized<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LocalizedVisitor;
        impl<'de> Visitor<'de> for LocalizedVisitor {
            type Value = Vec<(Text<'de>, Text<'de>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a localised text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(vec![(Text::default(), text.into())])
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(vec![(Text::default(), text.to_owned().into())])
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if &*key == "localized" {
                        entries = map.next_value::<Entries<'de>>()?.0;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_any(LocalizedVisitor).map(Self)
    }
}

/// The paging block of the offset style.
#[derive(Deserialize)]
pub(super) struct Paging<'a> {
    #[serde(borrow)]
    total: Option<&'a RawValue>,
}

impl Paging<'_> {
    /// The size of the whole set, where there is one and it makes sense.
    pub(super) fn total(&self) -> Option<u64> {
        serde_json::from_str(self.total?.get()).ok()
    }
}

/// Parses each distinct raw text once. The texts of one page are few, so a linear search finds them fastest.
pub(super) struct Seen<'a, T> {
    entries: Vec<(&'a str, Option<T>)>,
    last: usize,
}

impl<T> Default for Seen<'_, T> {
    fn default() -> Self {
        Self { entries: Vec::new(), last: 0 }
    }
}

impl<'a, T: Deserialize<'a>> Seen<'a, T> {
    /// Parses unless the same text was met before. Returns a handle for [`Self::get`].
    pub(super) fn meet(&mut self, raw: Option<&'a str>) -> Option<usize> {
        let raw = raw?;
        // Often it is not only the same text but the very same place, which spares the comparison.
        let same = |text: &str| std::ptr::eq(text, raw) || text == raw;
        if self.entries.get(self.last).is_some_and(|(text, _)| same(text)) {
            return Some(self.last);
        }
        self.last = self.entries.iter().position(|(text, _)| same(text)).unwrap_or_else(|| {
            self.entries.push((raw, serde_json::from_str(raw).ok()));
            self.entries.len() - 1
        });
        Some(self.last)
    }

    /// What was met; None where it did not have the documented shape.
    pub(super) fn get(&self, handle: Option<usize>) -> Option<&T> {
        self.entries.get(handle?)?.1.as_ref()
    }

    /// The raw text again where it was not understood in full.
    pub(super) fn rest<'r>(&self, handle: Option<usize>, raw: Option<&'r RawValue>) -> Option<&'r RawValue>
    where
        T: Whole,
    {
        let known = self.get(handle).is_some_and(Whole::is_known);
        if known { None } else { raw }
    }

    /// How many distinct texts did not have the documented shape.
    pub(super) fn strange(&self) -> usize {
        self.entries.iter().filter(|(_, parsed)| parsed.is_none()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_equal_as_number_and_string() {
        let ids: Vec<Id<'_>> = serde_json::from_str(
            r#"[18446744073709551615, "18446744073709551615", "007", 0, -3, 18446744073709551616, "a\nb"]"#,
        )
        .unwrap();
        assert_eq!(ids[0], ids[1]);
        let texts: Vec<String> = ids.iter().map(|id| id.to_text().to_string()).collect();
        assert_eq!(texts[1..], ["18446744073709551615", "007", "0", "-3", "18446744073709551616", "a\nb"]);
    }

    #[test]
    fn a_union_yields_its_string_whatever_its_key() {
        let members: Vec<Member<'_>> = serde_json::from_str(
            r#"[{"organization":"urn:li:organization:1"},"urn:x",{"a":{"b":1}},{"n":7,"s":"t"}]"#,
        )
        .unwrap();
        let texts: Vec<Option<&str>> = members.iter().map(|member| member.value.as_deref()).collect();
        assert_eq!(texts, [Some("urn:li:organization:1"), Some("urn:x"), None, Some("t")]);
    }

    #[test]
    fn a_localised_text_falls_back_to_the_first_locale() {
        let text: Localized<'_> = serde_json::from_str(
            r#"{"preferredLocale":{"country":"SE"},"localized":{"sv_SE":"hej","de_DE":"hallo"}}"#,
        )
        .unwrap();
        let of = |locale| text.text(locale).map(|text| &**text);
        assert_eq!(
            (of(Some("de_DE")), of(Some("en_US")), of(None)),
            (Some("hallo"), Some("hej"), Some("hej"))
        );
        let plain: Localized<'_> = serde_json::from_str(r#""hi""#).unwrap();
        assert_eq!(plain.text(Some("en_US")).map(|text| &**text), Some("hi"));
    }

    #[test]
    fn each_distinct_text_is_parsed_once() {
        let raws: Vec<&RawValue> = serde_json::from_str(r#"[[1],[2],[1],{},[2]]"#).unwrap();
        let mut seen: Seen<'_, Vec<u8>> = Seen::default();
        let handles: Vec<Option<usize>> = raws.iter().map(|raw| seen.meet(Some(raw.get()))).collect();
        assert_eq!(handles, [Some(0), Some(1), Some(0), Some(2), Some(1)]);
        assert_eq!(seen.get(handles[1]), Some(&vec![2]));
        assert_eq!((seen.get(handles[3]), seen.strange()), (None, 1));
    }
}
