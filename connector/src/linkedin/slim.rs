//! Takes repeated forms out of a page's text before it is parsed.
//!
//! Every response carries its whole form: two thirds of a page's bytes, and the same few texts over and over. To skip a
//! form, a parser must look at each of its bytes; to see that it is the same text as before takes a comparison. So each
//! distinct form is cut out once, and in its place stands a number in brackets, which no form is.
//!
//! The parser still judges all that is left, and what is taken out was parsed once as a whole: a page is valid JSON
//! after it exactly if it was before.

use std::borrow::Cow;

use memchr::memmem::Finder;
use serde_json::value::RawValue;

/// Before every form. Within a JSON string its quotes would stand behind backslashes, so this is always a member's name.
const MARK: &[u8] = b"\"form\":";

/// More distinct forms than this stay where they are. A page has at most a few hundred responses.
const MAX_FORMS: usize = 64;

/// A page without its forms.
pub(super) struct Slim<'b> {
    /// The rest, with a number in the place of each form. Not yet known to be UTF-8.
    pub(super) rest: Cow<'b, [u8]>,
    /// The forms by number.
    pub(super) forms: Forms<'b>,
}

/// The distinct forms of a page, each a JSON object.
#[derive(Debug, Default)]
pub(super) struct Forms<'b>(Vec<&'b str>);

impl<'b> Forms<'b> {
    /// The form that this value of a member `form` stands for: the numbered one, or else the value itself.
    pub(super) fn resolve<'v>(&self, value: &'v str) -> &'v str
    where
        'b: 'v,
    {
        let number = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let number = number.and_then(|number| number.parse::<usize>().ok());
        number.and_then(|number| self.0.get(number).copied()).unwrap_or(value)
    }

    /// The text with every form in its place again, where one was taken out of it: unknown members may hold forms, too.
    pub(super) fn restore(&self, text: &str) -> Option<String> {
        let first = self.0.first().and_then(|_| Finder::new(MARK).find(text.as_bytes()))?;
        let mut restored = String::with_capacity(text.len());
        let (mut before, mut rest) = text.split_at_checked(first + MARK.len())?;
        // Ends: each turn takes at least a number in brackets from the rest.
        loop {
            restored.push_str(before);
            // A page with any other value after a mark was left whole, and then nothing is numbered.
            let (number, after) = rest.split_once(']')?;
            let number = number.strip_prefix('[')?.parse::<usize>().ok()?;
            restored.push_str(self.0.get(number)?);
            match Finder::new(MARK).find(after.as_bytes()) {
                Some(at) => (before, rest) = after.split_at_checked(at + MARK.len())?,
                None => {
                    restored.push_str(after);
                    return Some(restored);
                }
            }
        }
    }

    /// The number and length of the form that `text` begins with; a new one is added.
    fn at_start_of(&mut self, text: &'b [u8]) -> Option<(usize, usize)> {
        let known = self.0.iter().rposition(|form| begins_with(text, form.as_bytes()));
        let number = match known {
            Some(number) => number,
            None if self.0.len() < MAX_FORMS => {
                let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
                self.0.push(values.next()?.ok()?.get());
                self.0.len() - 1
            }
            None => return None,
        };
        Some((number, self.0.get(number)?.len()))
    }
}

/// As `starts_with`, in steps of eight bytes: the library's comparison goes byte by byte in a component.
fn begins_with(text: &[u8], start: &[u8]) -> bool {
    let Some(text) = text.get(..start.len()) else { return false };
    let ((text, text_end), (start, start_end)) = (text.as_chunks::<64>(), start.as_chunks::<64>());
    let same = |(a, b): (&[u8; 64], &[u8; 64])| {
        let word = |chunk: &[u8; 64], at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&chunk[at..at + 8]);
            u64::from_ne_bytes(word)
        };
        (0..64).step_by(8).fold(0, |differing, at| differing | (word(a, at) ^ word(b, at))) == 0
    };
    text_end == start_end && text.iter().zip(start).all(same)
}

/// Takes out what can be taken out; where a page is not as expected, all of it stays.
pub(super) fn slim(body: &[u8]) -> Slim<'_> {
    slimmed(body).unwrap_or_else(|| Slim { rest: Cow::Borrowed(body), forms: Forms::default() })
}

fn slimmed(body: &[u8]) -> Option<Slim<'_>> {
    let finder = Finder::new(MARK);
    let mut forms = Forms::default();
    let mut kept = Vec::with_capacity(body.len() / 2);
    let mut rest = body;
    // Ends: each turn takes at least the mark from the rest.
    while let Some(at) = finder.find(rest) {
        let (before, value) = rest.split_at_checked(at + MARK.len())?;
        kept.extend_from_slice(before);
        // Anything but an object could be taken for one of the numbers.
        if value.first() != Some(&b'{') {
            return None;
        }
        let (number, len) = forms.at_start_of(value)?;
        kept.push(b'[');
        kept.extend_from_slice(number.to_string().as_bytes());
        kept.push(b']');
        rest = value.get(len..)?;
    }
    kept.extend_from_slice(rest);
    Some(Slim { rest: Cow::Owned(kept), forms })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The page with its forms back in place.
    fn restored(body: &[u8]) -> Value {
        let slim = slim(body);
        let mut page: Value = serde_json::from_slice(&slim.rest).unwrap();
        for element in page.as_array_mut().unwrap() {
            if let Some(form) = element.get_mut("form") {
                let text = form.to_string();
                *form = serde_json::from_str(slim.forms.resolve(&text)).unwrap();
            }
        }
        page
    }

    #[test]
    fn a_repeated_form_is_kept_once() {
        // Written out, since the order of a JSON value's members is no one's promise.
        let form = format!(r#"{{"id":1,"content":"{}"}}"#, "x".repeat(500));
        let body = format!(r#"[{{"id":1,"form":{form}}},{{"form":{form},"id":2}},{{"form":{{"id":2}}}}]"#);
        let slim = slim(body.as_bytes());
        assert_eq!(slim.rest, br#"[{"id":1,"form":[0]},{"form":[0],"id":2},{"form":[1]}]"#.as_slice());
        assert_eq!(restored(body.as_bytes()), serde_json::from_str::<Value>(&body).unwrap());
    }

    #[test]
    fn answers_that_look_like_forms_are_left_alone() {
        let page = json!([{"answer": r#","form":{"id":1}"#, "form": {"id": r#"","form":{"#}}]);
        assert_eq!(restored(page.to_string().as_bytes()), page);
    }

    #[test]
    fn what_could_be_mistaken_for_a_number_keeps_the_page_whole() {
        for body in [r#"[{"form":{"id":1}},{"form":[0]}]"#, r#"[{"form":null}]"#, r#"[{"form":{"id":1}"#] {
            let slim = slim(body.as_bytes());
            let whole = slim.rest == body.as_bytes();
            assert!(whole || serde_json::from_slice::<Value>(&slim.rest).is_err(), "{body}");
        }
    }

    #[test]
    fn a_broken_page_stays_broken() {
        for body in [r#"[{"form":{"id":1}},{"form":{"id":1}x}]"#, r#"[{"form":{"id":1}} {"form":{"id":1}}]"#]
        {
            assert!(serde_json::from_slice::<Value>(&slim(body.as_bytes()).rest).is_err(), "{body}");
        }
    }

    #[test]
    fn too_many_forms_keep_the_page_whole() {
        let page: Value = (0..=MAX_FORMS).map(|id| json!({"form": {"id": id}})).collect();
        assert_eq!(slim(page.to_string().as_bytes()).rest, page.to_string().as_bytes());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_changed(
            elements in proptest::collection::vec(("\\PC{0,20}", 0_usize..4), 0..12),
            texts in proptest::collection::vec("\\PC{0,150}", 4),
        ) {
            let page: Value = elements
                .iter()
                .map(|(answer, form)| json!({"answer": answer, "form": {"name": texts[*form]}, "tail": answer}))
                .collect();
            prop_assert_eq!(restored(page.to_string().as_bytes()), page);
        }

        #[test]
        fn the_comparison_is_that_of_the_library(text in "[ab]{0,200}", start in "[ab]{0,3}", cut in 0_usize..200) {
            let (text, start) = (text.as_bytes(), start.as_bytes());
            prop_assert_eq!(begins_with(text, start), text.starts_with(start));
            let own = &text[..cut.min(text.len())];
            prop_assert!(begins_with(text, own));
        }
    }
}
