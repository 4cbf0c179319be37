//! What the manifest grants: the origins of its sides and credentials, and who uses which credential.

use std::net::IpAddr;

use url::Url;

use crate::origin::{Origin, OriginError};

use super::interpolation::Expanded;
use super::nearest::nearest;
use super::problem::Report;
use super::tree::{Node, Path, shown_text};
use super::wording::table_name;

/// The two sides.
pub(super) const SIDES: [&str; 2] = ["source", "sink"];

/// A list of origins as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Those that are written, also where a slip is told but what was meant is clear.
    pub(super) granted: Vec<Origin>,
    /// Whether an entry could not be read at all; then nothing is said about what is lacking.
    pub(super) unsure: bool,
}

/// What one side is granted.
#[derive(Debug, Default)]
pub(super) struct Grant {
    /// Its egress.
    pub(super) egress: Origins,
    /// The names of its credentials.
    pub(super) credentials: Vec<String>,
}

/// What a side's component needs and is not granted; told where it is found.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    /// Origins.
    pub(super) egress: Vec<Origin>,
    /// Names of credentials.
    pub(super) credentials: Vec<String>,
}

/// Checks the sides' grants, and says what they are for the source and for the sink.
pub(super) fn check(manifest: &Expanded, report: &mut Report) -> [Grant; 2] {
    let root = &manifest.root;
    addresses(root, report);
    SIDES.map(|side| {
        let egress = origins(root, &Path::of(&[side, "egress"]), report);
        Grant { egress, credentials: granted_credentials(root, side, report) }
    })
}

/// Checks the credentials against the sides that use them. What a side lacks was told there, and is not told again.
pub(super) fn check_credentials(
    manifest: &Expanded,
    grants: &mut [Grant; 2],
    lacking: [Lacking; 2],
    report: &mut Report,
) {
    for (grant, lacking) in grants.iter_mut().zip(lacking) {
        grant.egress.granted.extend(lacking.egress);
        grant.credentials.extend(lacking.credentials);
    }
    let root = &manifest.root;
    let credentials = Path::of(&["credentials"]);
    if report.distrusts(&credentials) {
        return;
    }
    let known = SIDES.iter().all(|side| !report.distrusts(&Path::of(&[side, "credentials"])));
    for (name, node) in root.at(&credentials).and_then(Node::table).into_iter().flatten() {
        let path = credentials.key(name);
        let own = origins(root, &path.key("origins"), report);
        let users: Vec<usize> = (0..SIDES.len())
            .filter(|side| grants.get(*side).is_some_and(|grant| grant.credentials.contains(name)))
            .collect();
        if users.is_empty() && known {
            let message = format!("the credential `{}` is not used", shown_text(name));
            let help =
                format!("name it in `credentials` of [source] or [sink], or remove {}", table_name(&path));
            report.warning(Some(node.mark), &path, message, Some(help));
        }
        within_egress(root, &path, &own, &users, grants, report);
        token_url(root, &path.key("token_url"), report);
    }
}

/// The entries of a list; none where the list as a whole is known to be wrong.
pub(super) fn judged<'n>(root: &'n Node, path: &Path, report: &Report) -> &'n [Node] {
    let node = root.at(path).filter(|_| !report.distrusts(path));
    node.and_then(Node::list).unwrap_or_default()
}

/// The credentials named by a side, each of which must be defined.
fn granted_credentials(root: &Node, side: &str, report: &mut Report) -> Vec<String> {
    let path = Path::of(&[side, "credentials"]);
    let defined = root.at(&Path::of(&["credentials"])).and_then(Node::table);
    let mut granted = Vec::new();
    for (index, node) in judged(root, &path, report).iter().enumerate() {
        let path = path.index(index);
        let (Some(name), false) = (node.text(), report.distrusts(&path)) else {
            continue;
        };
        granted.push(name.to_owned());
        if defined.is_some_and(|table| table.contains_key(name)) {
            continue;
        }
        let known = defined.into_iter().flat_map(|table| table.keys().map(String::as_str));
        let help = match nearest(name, known) {
            Some(near) => {
                granted.push(near.to_owned());
                format!("did you mean `{near}`?")
            }
            None => format!("add {} with its `kind`", table_name(&Path::of(&["credentials", name]))),
        };
        let message = format!("the credential {} is not defined", node.shown());
        report.error(Some(node.mark), &path, message, Some(help));
    }
    granted
}

/// Reads a list of origins and tells what is wrong with each.
fn origins(root: &Node, path: &Path, report: &mut Report) -> Origins {
    let mut origins = Origins { granted: Vec::new(), unsure: report.distrusts(path) };
    for (index, node) in judged(root, path, report).iter().enumerate() {
        let path = path.index(index);
        let (Some(text), false) = (node.text(), report.distrusts(&path)) else {
            origins.unsure = true;
            continue;
        };
        match Origin::parse(text) {
            Ok(origin) if origins.granted.contains(&origin) => {
                let message = format!("the origin `{origin}` stands twice in the list");
                report.error(Some(node.mark), &path, message, Some("remove it here".to_owned()));
            }
            Ok(origin) => origins.granted.push(origin),
            Err(error) => {
                let (message, help, meant) = bad_origin(node, text, &error);
                report.error(Some(node.mark), &path, message, Some(help));
                report.distrust(&path);
                origins.unsure |= meant.is_none();
                origins.granted.extend(meant);
            }
        }
    }
    origins
}

/// What is wrong with an origin, how to write it, and which was meant.
fn bad_origin(node: &Node, text: &str, error: &OriginError) -> (String, String, Option<Origin>) {
    let example = "write an origin such as `https://api.example.com`".to_owned();
    let write = |meant: &Option<Origin>| match meant {
        Some(origin) if !node.expanded => format!("write `{origin}`"),
        _ => example.clone(),
    };
    // A user or password may stand before an `@`: such a text is not repeated.
    let shown = if text.contains('@') { "the value".to_owned() } else { node.shown() };
    let secure = |url: &str| Url::parse(url).ok().and_then(|url| Origin::of(&url).ok());
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    match error {
        OriginError::NotAUrl(_) => {
            let meant = secure(&format!("https://{rest}")).filter(|_| !text.contains(char::is_whitespace));
            (format!("{shown} is not an origin"), write(&meant), meant)
        }
        OriginError::Scheme(scheme) => {
            // `example.com:8443` reads as a scheme, too.
            let meant = secure(&format!("https://{rest}"));
            let message = match text.contains("://") {
                true => format!("the scheme `{}` cannot be called", shown_text(scheme)),
                false => format!("{shown} is not an origin"),
            };
            (message, write(&meant), meant)
        }
        OriginError::PlainHttp => {
            let meant = secure(&format!("https://{rest}"));
            let message = "plain http is allowed to this machine only".to_owned();
            let bare = secure(&format!("https://{rest}")).map(|origin| origin.to_string());
            (message, bare.map_or(example.clone(), |origin| format!("write `{origin}`")), meant)
        }
        OriginError::NotBare(bare) => {
            let message = "an origin has no path, query, user or fragment".to_owned();
            (message, format!("write `{bare}`"), Origin::parse(bare).ok())
        }
    }
}

/// A credential goes only where a side that uses it may call.
fn within_egress(
    root: &Node,
    credential: &Path,
    own: &Origins,
    users: &[usize],
    grants: &[Grant; 2],
    report: &mut Report,
) {
    let used = || users.iter().filter_map(|side| grants.get(*side));
    if users.is_empty() || used().any(|grant| grant.egress.unsure) {
        return;
    }
    let sides: Vec<String> =
        users.iter().filter_map(|side| SIDES.get(*side)).map(|side| table_name(&Path::of(&[side]))).collect();
    let sides = sides.join(" or ");
    let list = credential.key("origins");
    for origin in &own.granted {
        if used().any(|grant| grant.egress.granted.contains(origin)) {
            continue;
        }
        let index = origin_index(root, &list, origin);
        let path = index.map_or_else(|| list.clone(), |index| list.index(index));
        if report.distrusts(&path) {
            continue;
        }
        let message =
            format!("the credential may not go to `{origin}`: it is not in the `egress` of {sides}");
        let help = format!("add `\"{origin}\"` to `egress` in {sides}, or remove it here");
        report.error(root.at(&path).map(|node| node.mark), &path, message, Some(help));
    }
}

fn origin_index(root: &Node, list: &Path, origin: &Origin) -> Option<usize> {
    let is = |node: &Node| node.text().and_then(|text| Origin::parse(text).ok()).as_ref() == Some(origin);
    root.at(list).and_then(Node::list)?.iter().position(is)
}

/// The secret is sent there, so it must be protected on its way.
fn token_url(root: &Node, path: &Path, report: &mut Report) {
    let Some((node, text)) = root.at(path).and_then(|node| Some((node, node.text()?))) else {
        return;
    };
    if report.distrusts(path) || text.is_empty() {
        return;
    }
    let url = Url::parse(text).ok();
    let origin = url.as_ref().map(Origin::of);
    let (message, help) = match (&url, origin) {
        (Some(url), Some(Ok(_))) if url.username().is_empty() && url.password().is_none() => return,
        (Some(_), Some(Ok(_))) => (
            "`token_url` holds a user or password",
            "remove it; the client's id and secret have keys of their own",
        ),
        (Some(_), Some(Err(OriginError::PlainHttp))) => (
            "`token_url` would send the secret over plain http",
            "use `https`; plain http is allowed to this machine only",
        ),
        _ => ("`token_url` is not an `https` URL", "write the whole URL, beginning with `https://`"),
    };
    report.error(Some(node.mark), path, message.to_owned(), Some(help.to_owned()));
    report.distrust(path);
}

/// Private addresses are plain addresses, each once.
fn addresses(root: &Node, report: &mut Report) {
    let list = Path::of(&["network", "private_addresses"]);
    let mut seen = Vec::new();
    for (index, node) in judged(root, &list, report).iter().enumerate() {
        let path = list.index(index);
        let (Some(text), false) = (node.text(), report.distrusts(&path)) else {
            continue;
        };
        let (message, help) = match text.parse::<IpAddr>() {
            Ok(address) if seen.contains(&address) => {
                (format!("the address `{address}` stands twice in the list"), "remove it here")
            }
            Ok(address) => {
                seen.push(address);
                continue;
            }
            Err(_) => (
                format!("{} is not an address", node.shown()),
                "write one IPv4 or IPv6 address, such as `10.1.2.3`; names and ranges are not taken",
            ),
        };
        report.error(Some(node.mark), &path, message, Some(help.to_owned()));
        report.distrust(&path);
    }
}
