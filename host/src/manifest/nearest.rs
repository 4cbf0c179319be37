//! The name that a person probably meant.

/// Names longer than this are not compared: no key of ours is, and comparing is quadratic.
const MAX_CHARS: usize = 64;

/// The known name nearest to what was written, where one is near enough to be worth suggesting.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.is_empty() || written.chars().count() > MAX_CHARS {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let wanted = plain(written);
    let most = (wanted.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    let mut holding = Vec::new();
    for name in known {
        let other = plain(name);
        let distance = strsim::damerau_levenshtein(&wanted, &other);
        if distance <= most && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
        if wanted.len() >= 4 && other.contains(&wanted) {
            holding.push(name);
        }
    }
    match (best, holding.as_slice()) {
        (Some((_, name)), _) | (None, &[name]) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_the_slip_of_a_finger() {
        let known = ["component", "stream", "egress", "credentials", "config"];
        for (written, meant) in [
            ("egres", Some("egress")),
            ("Stream", Some("stream")),
            ("confgi", Some("config")),
            ("credential", Some("credentials")),
            ("cred", Some("credentials")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
        assert_eq!(nearest("page-records", ["page_bytes", "page_records"]), Some("page_records"));
    }

    #[test]
    fn gives_up_on_long_names() {
        let long = "x".repeat(1 << 20);
        assert_eq!(nearest(&long, [long.as_str()]), None);
    }
}
