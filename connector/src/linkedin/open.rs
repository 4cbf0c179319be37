//! Objects of LinkedIn's that may grow: each known member is read, each unknown one is kept as it was sent.
//!
//! LinkedIn adds members without notice
//! (<https://learn.microsoft.com/en-us/linkedin/marketing/versioning>). Serde's own way of keeping them copies every
//! object first; this one costs nothing where nothing is unknown.

/// Declares a structure with the given members, and `extra` for all others.
///
/// `required` members must be there; `optional` ones may be missing or null; `ignored` ones are known and of no use.
macro_rules! open_object {
    (
        $(#[$meta:meta])*
        struct $name:ident<$a:lifetime> {
            required { $($needed:ident: $needed_type:ty = $needed_key:literal,)* }
            optional { $($field:ident: $type:ty = $key:literal,)* }
            ignored { $($ignored:literal,)* }
        }
    ) => {
        $(#[$meta])*
        pub(super) struct $name<$a> {
            $(pub(super) $needed: $needed_type,)*
            $(pub(super) $field: Option<$type>,)*
            /// Members that are not known here.
            pub(super) extra: $crate::extra::Extra<$a>,
        }

        impl<'de: $a, $a> serde::Deserialize<'de> for $name<$a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members<$a>(std::marker::PhantomData<&$a ()>);
                impl<'de: $a, $a> serde::de::Visitor<'de> for Members<$a> {
                    type Value = $name<$a>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        $(let mut $needed: Option<$needed_type> = None;)*
                        $(let mut $field: Option<$type> = None;)*
                        let mut extra = $crate::extra::Extra::default();
                        while let Some(key) = map.next_key::<$crate::text::Text<'de>>()? {
                            match &*key {
                                $($needed_key => $needed = Some(map.next_value()?),)*
                                $($key => $field = map.next_value()?,)*
                                $($ignored => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                })*
                                _ => extra.push(key, map.next_value()?),
                            }
                        }
                        Ok($name {
                            $($needed: $needed.ok_or_else(|| serde::de::Error::missing_field($needed_key))?,)*
                            $($field,)*
                            extra,
                        })
                    }
                }
                deserializer.deserialize_map(Members(std::marker::PhantomData))
            }
        }
    };
}

pub(super) use open_object;
