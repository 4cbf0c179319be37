//! Checks the manifest against what its components say of themselves.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use serde_json::{Map, Value};
use url::Url;

use crate::description::{Description, Role, SideDescription, WantedCredential, WantedOrigin};
use crate::origin::Origin;

use super::grant::{Grant, Lacking, SIDES, judged};
use super::interpolation::Expanded;
use super::nearest::nearest;
use super::problem::Report;
use super::structure;
use super::tree::{Node, Path, shown_sentence, shown_text};
use super::wording::{list, names, table_name};

/// Asks a component what it says of itself.
pub trait Describe {
    /// Describes the component in a file.
    fn describe(&self, component: &FilePath) -> Result<Description, DescribeError>;
}

/// Why a component could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescribeError {
    /// There is no such file.
    #[error("the file does not exist")]
    Missing,
    /// The file cannot be loaded as a component of this contract; the sentence says why.
    #[error("{0}")]
    Refused(String),
    /// It can be loaded, but what it says cannot be read; the sentence says why.
    #[error("{0}")]
    Unreadable(String),
}

/// Checks both sides, and says what each lacks.
pub(super) fn check(
    manifest: &Expanded,
    base: &FilePath,
    grants: &[Grant; 2],
    describe: &dyn Describe,
    report: &mut Report,
) -> [Lacking; 2] {
    let mut lacking = [Lacking::default(), Lacking::default()];
    let mut described = BTreeMap::new();
    let sides = SIDES.into_iter().zip([Role::Source, Role::Sink]).zip(grants).zip(&mut lacking);
    for (((side, role), grant), lacking) in sides {
        let path = Path::of(&[side, "component"]);
        let Some(node) = manifest.root.at(&path).filter(|_| !report.distrusts(&path)) else {
            continue;
        };
        let Some(written) = node.text() else { continue };
        let file = base.join(written);
        if !described.contains_key(&file) {
            let description = ask(node, &path, &file, describe, report);
            described.insert(file.clone(), description);
        }
        if let Some(Some(description)) = described.get(&file) {
            Side { root: &manifest.root, side, grant, lacking, description, report }.check(node, role);
        }
    }
    lacking
}

fn ask(
    node: &Node,
    path: &Path,
    file: &FilePath,
    describe: &dyn Describe,
    report: &mut Report,
) -> Option<Description> {
    let error = match describe.describe(file) {
        Ok(description) => return Some(description),
        Err(error) => error,
    };
    let shown = node.shown();
    let looked = shown_text(&file.display().to_string());
    let (message, help) = match error {
        DescribeError::Missing => (
            format!("the component {shown} does not exist, so what it takes is not checked"),
            format!(
                "build it with `cargo build -p PACKAGE --target wasm32-unknown-unknown --profile guest`, or correct \
                 the path, which is relative to the manifest{}",
                if node.expanded { String::new() } else { format!("; looked for `{looked}`") }
            ),
        ),
        DescribeError::Refused(why) => (
            format!("the component {shown} cannot be used: {}", shown_sentence(&why)),
            "rebuild it for the contract of this sluice, or name another component".to_owned(),
        ),
        DescribeError::Unreadable(why) => (
            format!("the component {shown} does not describe itself: {}", shown_sentence(&why)),
            "tell its author, or use another version of it".to_owned(),
        ),
    };
    report.error(Some(node.mark), path, message, Some(help));
    None
}

/// One side and what its component says.
struct Side<'a> {
    root: &'a Node,
    side: &'static str,
    grant: &'a Grant,
    lacking: &'a mut Lacking,
    description: &'a Description,
    report: &'a mut Report,
}

impl Side<'_> {
    fn check(&mut self, component: &Node, role: Role) {
        let wants = match role {
            Role::Sink => self.description.sink.as_ref(),
            _ => self.description.source.as_ref(),
        };
        let description = self.description;
        let (true, Some(wants)) = (description.roles.contains(&role), wants) else {
            let roles: Vec<&str> = description.roles.iter().map(|role| role.name()).collect();
            let message = format!("the component {} cannot be a {}", component.shown(), role.name());
            let help = format!("name a component that can; this one can be: {}", names(roles));
            let path = Path::of(&[self.side, "component"]);
            self.report.error(Some(component.mark), &path, message, Some(help));
            return;
        };
        if role == Role::Source {
            self.stream();
        }
        self.config(wants);
        self.egress(wants);
        for wanted in &wants.credentials {
            self.credential(wanted);
        }
        self.unwanted(wants);
    }

    fn path(&self, key: &str) -> Path {
        Path::of(&[self.side, key])
    }

    fn header(&self) -> String {
        table_name(&Path::of(&[self.side]))
    }

    /// Where to point for a key of this side: at the key, else at the side.
    fn key_mark(&self, key: &str) -> Option<super::place::Mark> {
        let path = self.path(key);
        self.root.at(&path).map(|node| node.key).or_else(|| self.root.holder_mark(&path))
    }

    fn stream(&mut self) {
        let path = self.path("stream");
        let Some(node) = self.root.at(&path).filter(|_| !self.report.distrusts(&path)) else {
            return;
        };
        let Some(name) = node.text() else { return };
        let known = || self.description.streams.iter().map(|stream| stream.name.as_str());
        if known().any(|stream| stream == name) {
            return;
        }
        let help = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("streams of this component: {}", names(known())),
        };
        let message =
            format!("the component has no stream {}", node.shown().replace("the value", "of this name"));
        self.report.error(Some(node.mark), &path, message, Some(help));
    }

    fn config(&mut self, wants: &SideDescription) {
        let path = self.path("config");
        if wants.config.is_null() || self.report.distrusts(&path) {
            return;
        }
        let config = self.root.at(&path).map_or_else(|| Value::Object(Map::new()), Node::to_json);
        if structure::check(self.root, &path, &config, &wants.config, self.report).is_err() {
            let message = "the component's own schema of its configuration cannot be used".to_owned();
            let help = "tell its author, or use another version of it".to_owned();
            self.report.error(self.key_mark("component"), &path, message, Some(help));
        }
    }

    fn egress(&mut self, wants: &SideDescription) {
        let mut lacking: Vec<Origin> = Vec::new();
        for wanted in &wants.egress {
            let Some(origin) = self.origin(wanted) else { continue };
            if !self.grant.egress.granted.contains(&origin) && !lacking.contains(&origin) {
                lacking.push(origin);
            }
        }
        if lacking.is_empty() || self.grant.egress.unsure {
            return;
        }
        let texts: Vec<String> = lacking.iter().map(Origin::to_string).collect();
        let called = names(texts.iter().map(String::as_str));
        let whole: Vec<String> =
            self.grant.egress.granted.iter().chain(&lacking).map(Origin::to_string).collect();
        let message = format!("the component calls {called}, which {} does not grant", self.header());
        let help = format!("write in {}: `egress = {}`", self.header(), list(&whole));
        self.report.error(self.key_mark("egress"), &self.path("egress"), message, Some(help));
        self.lacking.egress = lacking;
    }

    /// The origin that the component will call; none where that cannot be told.
    fn origin(&mut self, wanted: &WantedOrigin) -> Option<Origin> {
        let default = || wanted.origin.as_deref().and_then(|text| Origin::parse(text).ok());
        let Some(pointer) = wanted.config.as_deref() else {
            return default();
        };
        let path = self.root.locate(&self.path("config"), pointer);
        if self.report.distrusts(&path) {
            return None;
        }
        let Some(node) = self.root.at(&path) else {
            return default();
        };
        match Url::parse(node.text()?).ok().map(|url| Origin::of(&url)) {
            Some(Ok(origin)) => Some(origin),
            _ => {
                let message =
                    format!("{} is not a URL that can be called", super::wording::value_name(&path));
                let help = "write the whole URL, beginning with `https://`; plain http is allowed to this machine only";
                self.report.error(Some(node.mark), &path, message, Some(help.to_owned()));
                self.report.distrust(&path);
                None
            }
        }
    }

    fn credential(&mut self, wanted: &WantedCredential) {
        let path = self.path("credentials");
        if self.report.distrusts(&path) {
            return;
        }
        let name = shown_text(&wanted.name);
        if !self.grant.credentials.contains(&wanted.name) {
            let mut whole = self.grant.credentials.clone();
            whole.push(wanted.name.clone());
            let own = Path::of(&["credentials", &wanted.name]);
            let define = match self.root.at(&own) {
                Some(_) => String::new(),
                None => format!(", and add {} with its `kind`{}", table_name(&own), one_of(&wanted.kinds)),
            };
            let message = format!(
                "the component needs the credential `{name}`, which {} does not grant",
                self.header()
            );
            let help = format!("write in {}: `credentials = {}`{define}", self.header(), list(&whole));
            self.report.error(self.key_mark("credentials"), &path, message, Some(help));
            self.lacking.credentials.push(wanted.name.clone());
            return;
        }
        let path = Path::of(&["credentials", &wanted.name, "kind"]);
        let Some(node) = self.root.at(&path).filter(|_| !self.report.distrusts(&path)) else {
            return;
        };
        let kind = node.text().unwrap_or_default();
        if wanted.kinds.is_empty() || wanted.kinds.iter().any(|wanted| wanted == kind) {
            return;
        }
        let message = format!(
            "the component of {} does not take a credential of the kind {}",
            self.header(),
            node.shown()
        );
        let help = format!("it takes: {}", names(wanted.kinds.iter().map(String::as_str)));
        self.report.error(Some(node.mark), &path, message, Some(help));
    }

    /// Credentials that the component does not ask for: granting them serves no one.
    fn unwanted(&mut self, wants: &SideDescription) {
        let path = self.path("credentials");
        let wanted = || wants.credentials.iter().map(|wanted| wanted.name.as_str());
        for (index, node) in judged(self.root, &path, self.report).iter().enumerate() {
            let path = path.index(index);
            let Some(name) = node.text().filter(|_| !self.report.distrusts(&path)) else {
                continue;
            };
            let is_defined = self.root.at(&Path::of(&["credentials", name])).is_some();
            if !is_defined || wanted().any(|wanted| wanted == name) {
                continue;
            }
            let message = format!("the component does not ask for the credential {}", node.shown());
            let help = match nearest(name, wanted()) {
                Some(near) => format!("it asks for `{near}`"),
                None => "remove it here".to_owned(),
            };
            self.report.warning(Some(node.mark), &path, message, Some(help));
        }
    }
}

fn one_of(kinds: &[String]) -> String {
    match kinds {
        [] => String::new(),
        kinds => format!(": {}", names(kinds.iter().map(String::as_str))),
    }
}
