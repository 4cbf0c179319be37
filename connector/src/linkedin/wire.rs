//! LinkedIn's JSON as borrowed structures: only what is read, and tolerant of everything else.
//!
//! Members that are not named here are skipped without being built. Parts that are nearly the same in every element
//! (the form above all) stay raw text, so that each distinct one is parsed once; see [`Seen`]. The shapes are those of
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/lead-sync-schema>.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::text::Text;

/// An id that comes as a number or as a string; digits in a string are the same id as the number.
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
        struct IdVisitor;
        impl<'de> Visitor<'de> for IdVisitor {
            type Value = Id<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id (a number or a string)")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Id::Number(number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Id::Word(number.to_string().into()))
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Id::from_word(text.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Id::from_word(text.to_owned().into()))
            }
        }
        deserializer.deserialize_any(IdVisitor)
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

/// The only value of a union such as `{"sponsoredAccount": "urn:..."}`, whatever its key; or a plain string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member<'a>(pub(super) Option<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MemberVisitor;
        impl<'de> Visitor<'de> for MemberVisitor {
            type Value = Option<Text<'de>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object with one string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Some(text.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Some(text.to_owned().into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = None;
                while map.next_key::<IgnoredAny>()?.is_some() {
                    let value: &'de RawValue = map.next_value()?;
                    if found.is_none() {
                        found = serde_json::from_str(value.get()).ok();
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(MemberVisitor).map(Self)
    }
}

/// One response of `leadFormResponses`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Element<'a> {
    #[serde(borrow)]
    pub(super) id: Id<'a>,
    pub(super) submitted_at: Number,
    pub(super) test_lead: Option<bool>,
    #[serde(borrow)]
    pub(super) lead_type: Option<Member<'a>>,
    #[serde(borrow)]
    pub(super) owner: Option<Member<'a>>,
    #[serde(borrow)]
    pub(super) owner_info: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) submitter: Option<Member<'a>>,
    #[serde(borrow)]
    pub(super) versioned_lead_gen_form_urn: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) associated_entity: Option<Member<'a>>,
    #[serde(borrow)]
    pub(super) lead_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) lead_metadata_info: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) form_response: Option<FormResponse<'a>>,
    #[serde(borrow)]
    pub(super) form: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FormResponse<'a> {
    #[serde(borrow, default)]
    pub(super) answers: Vec<Answer<'a>>,
    #[serde(borrow, default)]
    pub(super) consent_responses: Vec<ConsentResponse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) question_id: Id<'a>,
    #[serde(borrow)]
    pub(super) answer_details: Option<Details<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsentResponse<'a> {
    #[serde(borrow)]
    pub(super) consent_id: Id<'a>,
    pub(super) accepted: Option<bool>,
}

/// The union `answerDetails`.
pub(super) enum Details<'a> {
    Text(Text<'a>),
    Options(Vec<Id<'a>>),
    /// A kind of answer that LinkedIn has added since; kept as it came.
    Other(&'a RawValue),
}

#[derive(Deserialize)]
struct TextAnswer<'a> {
    #[serde(borrow)]
    answer: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ChoiceAnswer<'a> {
    #[serde(borrow, default)]
    options: Vec<Id<'a>>,
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
                let mut found = None;
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    found = Some(match &*key {
                        "textQuestionAnswer" => {
                            let answer: TextAnswer<'de> = map.next_value()?;
                            Details::Text(answer.answer.unwrap_or_default())
                        }
                        "multipleChoiceAnswer" => {
                            Details::Options(map.next_value::<ChoiceAnswer<'de>>()?.options)
                        }
                        _ => Details::Other(map.next_value()?),
                    });
                }
                Ok(found.unwrap_or_else(|| Details::Text(Text::default())))
            }
        }
        deserializer.deserialize_map(DetailsVisitor(PhantomData))
    }
}

/// `ownerInfo`: a union whose value holds a name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerInfo<'a> {
    #[serde(borrow)]
    sponsored_account_info: Option<NameInfo<'a>>,
    #[serde(borrow)]
    organization_info: Option<NameInfo<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NameInfo<'a> {
    #[serde(borrow)]
    name: Option<Localized<'a>>,
    #[serde(borrow)]
    localized_name: Option<Text<'a>>,
}

impl<'a> OwnerInfo<'a> {
    pub(super) fn name(&self) -> Option<&Text<'a>> {
        let info = self.sponsored_account_info.as_ref().or(self.organization_info.as_ref())?;
        info.localized_name.as_ref().or_else(|| info.name.as_ref()?.text(None))
    }
}

/// `leadMetadata` of a sponsored lead.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    sponsored_lead_metadata: Option<SponsoredMetadata<'a>>,
}

#[derive(Deserialize)]
struct SponsoredMetadata<'a> {
    #[serde(borrow)]
    campaign: Option<Text<'a>>,
}

impl<'a> Metadata<'a> {
    pub(super) fn campaign(&self) -> Option<&Text<'a>> {
        self.sponsored_lead_metadata.as_ref()?.campaign.as_ref()
    }
}

/// `leadMetadataInfo` of a sponsored lead.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataInfo<'a> {
    #[serde(borrow)]
    sponsored_lead_metadata_info: Option<SponsoredInfo<'a>>,
}

#[derive(Deserialize)]
struct SponsoredInfo<'a> {
    #[serde(borrow)]
    campaign: Option<CampaignInfo<'a>>,
}

#[derive(Deserialize)]
pub(super) struct CampaignInfo<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Id<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
}

impl<'a> MetadataInfo<'a> {
    pub(super) fn campaign(&self) -> Option<&CampaignInfo<'a>> {
        self.sponsored_lead_metadata_info.as_ref()?.campaign.as_ref()
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
        let ids: Vec<Id<'_>> =
            serde_json::from_str(r#"[18446744073709551615, "18446744073709551615", "007", 0, -3]"#).unwrap();
        assert_eq!(ids[0], ids[1]);
        let texts: Vec<String> = ids.iter().map(|id| id.to_text().to_string()).collect();
        assert_eq!(texts[1..], ["18446744073709551615", "007", "0", "-3"]);
    }

    #[test]
    fn a_union_yields_its_string_whatever_its_key() {
        let members: Vec<Member<'_>> = serde_json::from_str(
            r#"[{"organization":"urn:li:organization:1"},"urn:x",{"a":{"b":1}},{"n":7,"s":"t"}]"#,
        )
        .unwrap();
        let texts: Vec<Option<&str>> = members.iter().map(|member| member.0.as_deref()).collect();
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
