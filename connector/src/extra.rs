//! Members of a vendor's JSON that this version does not know, carried on as they were sent.
//!
//! Nothing is parsed and nothing is copied unless it must be. There is no cost where there is nothing: no list is
//! allocated before the first unknown member. What is in here may be personal data, so it must never be shown in an
//! error or a log.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::text::Text;

/// Unknown members in the order in which they came.
#[derive(Clone, Default)]
pub struct Extra<'a>(Vec<(Text<'a>, Cow<'a, RawValue>)>);

impl<'a> Extra<'a> {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Adds a member. A value that stretches over several lines is put on one, since a record is a line.
    pub fn push(&mut self, name: Text<'a>, value: &'a RawValue) {
        self.0.push((name, one_line(Cow::Borrowed(value))));
    }

    /// Adds a member whose text was put together here; one that is not JSON is left out.
    pub fn push_text(&mut self, name: Text<'a>, value: String) {
        if let Ok(value) = RawValue::from_string(value) {
            self.0.push((name, one_line(Cow::Owned(value))));
        }
    }

    /// Adds unknown members of a member that is itself known, in an object of that name.
    pub fn push_within(&mut self, name: Text<'a>, within: &Extra<'_>) {
        if let (false, Ok(value)) = (within.is_empty(), serde_json::value::to_raw_value(within)) {
            self.0.push((name, Cow::Owned(value)));
        }
    }

    /// Adds the unknown members of a list's items: for each item that has any, an object with its id, which is named
    /// `key`, and these members.
    pub fn push_list<'i>(
        &mut self,
        name: &'static str,
        items: impl Iterator<Item = (Text<'i>, &'static str, &'i Extra<'i>)>,
    ) {
        let objects: Vec<String> = items
            .filter(|(_, _, extra)| !extra.is_empty())
            .filter_map(|(id, key, extra)| {
                let mut object = Extra::default();
                object.push_text(key.into(), serde_json::to_string(&id).ok()?);
                object.0.extend(extra.reborrow().0);
                serde_json::to_string(&object).ok()
            })
            .collect();
        if !objects.is_empty() {
            self.push_text(name.into(), format!("[{}]", objects.join(",")));
        }
    }

    /// The same members with each value's text run through `restore`, which must leave JSON.
    pub fn restored(&'a self, restore: impl Fn(&'a str) -> Option<String>) -> Extra<'a> {
        let mut restored = Extra::default();
        for (name, value) in &self.0 {
            match restore(value.get()) {
                Some(text) => restored.push_text(name.reborrow(), text),
                None => restored.push(name.reborrow(), value),
            }
        }
        restored
    }

    /// The same members, borrowed from these.
    pub fn reborrow(&'a self) -> Extra<'a> {
        let member = |(name, value): &'a (Text<'a>, Cow<'a, RawValue>)| {
            (name.reborrow(), Cow::Borrowed(value.as_ref()))
        };
        Extra(self.0.iter().map(member).collect())
    }
}

/// JSON has line breaks only between its tokens, never inside a string.
fn one_line(value: Cow<'_, RawValue>) -> Cow<'_, RawValue> {
    if !value.get().contains(['\n', '\r']) {
        return value;
    }
    // Blanks between tokens leave the text valid, so the value itself is never needed.
    RawValue::from_string(value.get().replace(['\n', '\r'], " ")).map_or(value, Cow::Owned)
}

impl PartialEq for Extra<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter()
            .map(|(name, value)| (name, value.get()))
            .eq(other.iter().map(|(name, value)| (name, value.get())))
    }
}

impl Eq for Extra<'_> {}

/// Shows only how many there are.
impl fmt::Debug for Extra<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extra({} members)", self.0.len())
    }
}

impl Serialize for Extra<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, &**value)?;
        }
        map.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Extra<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExtraVisitor;
        impl<'de> Visitor<'de> for ExtraVisitor {
            type Value = Extra<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut extra = Extra::default();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    extra.push(name, value);
                }
                Ok(extra)
            }
        }
        deserializer.deserialize_map(ExtraVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_as_they_were_sent_but_for_line_breaks() {
        let text = r#"{"a":{"b":[1e400,18446744073709551616, "x\\ny"]},"c":null}"#;
        let extra: Extra<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&extra).unwrap(), text);
        let broken: Extra<'_> = serde_json::from_str("{\"a\":[1,\r\n2]}").unwrap();
        assert_eq!(serde_json::to_string(&broken).unwrap(), r#"{"a":[1,  2]}"#);
        assert_eq!(format!("{extra:?}"), "Extra(2 members)");
    }
}
