//! Secrets in a manifest: they are named, never written.
//!
//! Checked apart from the schema, since these messages must not repeat what was written.

use super::interpolation::Expanded;
use super::nearest::nearest;
use super::place::Mark;
use super::problem::Report;
use super::tree::{Data, Node, Path, shown_key};

/// The keys of a credential that hold a secret.
const KEYS: [&str; 3] = ["value", "client_secret", "signing_secret"];

/// Whether a path lies in a secret: nothing is filled in there, and nothing of it is shown.
pub(super) fn holds(path: &Path) -> bool {
    path.key_at(0) == Some("credentials") && path.key_at(2).is_some_and(|key| KEYS.contains(&key))
}

/// Checks the secrets of every credential; a wrong one is not judged further.
pub(super) fn check(manifest: &Expanded, report: &mut Report) {
    let credentials = Path::of(&["credentials"]);
    let Some(table) = manifest.root.at(&credentials).and_then(Node::table) else {
        return;
    };
    for (name, credential) in table {
        let path = credentials.key(name);
        for (key, node) in credential.table().into_iter().flatten() {
            if KEYS.contains(&key.as_str()) {
                secret(key, node, &path.key(key), report);
            }
        }
    }
}

fn secret(key: &str, node: &Node, path: &Path, report: &mut Report) {
    match &node.data {
        Data::Text(text) => literal(key, text, node.mark, path, report),
        Data::Table(table) if table.len() == 1 => {
            for (form, value) in table {
                reference(form, value, &path.key(form), path, report);
            }
        }
        Data::Table(table) if table.is_empty() => {
            wrong(node.mark, path, format!("`{key}` does not say where the secret is"), FORMS, report);
        }
        Data::Table(_) => {
            wrong(node.mark, path, format!("`{key}` must name one place only"), FORMS, report);
        }
        _ => wrong(node.mark, path, format!("`{key}` must say where the secret is"), FORMS, report),
    }
}

const FORMS: &str = "write `{ env = \"NAME\" }` or `{ file = \"PATH\" }`";

fn wrong(mark: Mark, path: &Path, message: String, help: impl Into<String>, report: &mut Report) {
    report.error(Some(mark), path, message, Some(help.into()));
    report.distrust(path);
}

fn literal(key: &str, text: &str, mark: Mark, path: &Path, report: &mut Report) {
    let variable =
        text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| is_name(name));
    if let Some(name) = variable {
        let message = format!("`{key}` must refer to its secret; `${{…}}` does not work here");
        wrong(mark, path, message, format!("write `{key} = {{ env = \"{name}\" }}`"), report);
        return;
    }
    let message = format!("`{key}` is a secret and must not be written into the manifest");
    let help = format!(
        "put it into an environment variable or a file, then write `{key} = {{ env = \"NAME\" }}` or \
         `{key} = {{ file = \"PATH\" }}`; if this manifest was ever shared, renew the secret"
    );
    wrong(mark, path, message, help, report);
}

fn reference(form: &str, value: &Node, path: &Path, secret: &Path, report: &mut Report) {
    let name = path.parent().and_then(|path| path.key_at(2).map(str::to_owned)).unwrap_or_default();
    match (form, value.text()) {
        ("env", Some(text)) if is_name(text) => {}
        ("env", Some(text)) if text.starts_with("${") => {
            let message = "`env` takes the variable's name, not its value".to_owned();
            wrong(
                value.mark,
                path,
                message,
                format!("write `{name} = {{ env = \"NAME\" }}`, without `${{ }}`"),
                report,
            );
        }
        ("env", _) => {
            let message = "`env` is not the name of an environment variable".to_owned();
            let help = "names have letters, digits and `_`; the secret itself does not belong here";
            wrong(value.mark, path, message, help, report);
        }
        ("file", Some(text)) if text.contains("${") => {
            let message = "variables are not filled in inside a secret".to_owned();
            wrong(
                value.mark,
                path,
                message,
                "write the file's path as it is, relative to the manifest",
                report,
            );
        }
        ("file", Some(text)) if !text.is_empty() && !text.contains('\n') => {}
        ("file", _) => {
            let message = "`file` is not the path of a file".to_owned();
            wrong(value.mark, path, message, "write the path, relative to the manifest", report);
        }
        (other, _) => {
            let message = format!("unknown key `{}` in `{secret}`", shown_key(other));
            let help = match nearest(other, ["env", "file"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => FORMS.to_owned(),
            };
            wrong(value.key, secret, message, help, report);
        }
    }
}

/// Whether a text can be an environment variable's name. Long random texts can be, too: nothing shows them.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
