//! Decides from its bytes alone whether a component may be compiled.
//!
//! Pure. Nothing that this refuses ever reaches the compiler or the linker, so whatever is risky there (streams,
//! futures, threads, foreign interfaces) stays out of reach of a component.

use std::collections::BTreeSet;

use wasmparser::{CanonicalFunction, ComponentImport, Encoding, Parser, Payload, Validator, WasmFeatures};

/// The contract version of this host.
pub const CONTRACT: Version = Version { major: 0, minor: 1, patch: 0 };
/// The package whose interfaces a component may import and must export.
const PACKAGE: &str = "sluice:connector/";
/// Every interface that this host offers.
const OFFERED: [&str; 5] = ["http", "credentials", "log", "clock", "types"];
/// How every WebAssembly file begins.
const MAGIC: &[u8] = b"\0asm";
/// How deep components may nest: generous for what toolchains make, small enough to bound the walk.
const MAX_DEPTH: usize = 16;

/// A semantic version of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What an admitted component is made of, for `inspect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The contract version that it was built against.
    pub contract: Version,
    /// Every interface that it imports.
    pub imports: Vec<String>,
    /// Every interface of the contract that it exports, without package and version.
    pub exports: Vec<String>,
}

/// Why a component is refused: one sentence each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Larger than the limit.
    #[error(
        "the file has {size} bytes and the limit is {limit}; raise `limits.component_bytes` if you trust it"
    )]
    TooLarge {
        /// Bytes of the file.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// No WebAssembly at all, or a broken one.
    #[error("it is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// A core module.
    #[error(
        "it is a core module, not a component; build it for wasm32-unknown-unknown with the linker `wasm-component-ld`, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// It exports nothing of the contract.
    #[error("it does not export `sluice:connector/connector`; it was not built against the Sluice contract")]
    NoContract,
    /// Another version of the contract.
    #[error("it was built against version {found} of the contract and this host speaks {CONTRACT}; {}", upgrade(.found))]
    Contract {
        /// The version in the component.
        found: String,
    },
    /// It imports something else.
    #[error(
        "it imports `{0}`, and a component may import only what `sluice:connector` offers (http, credentials, log, clock); build it without WASI"
    )]
    Import(String),
    /// It uses a built-in that the contract does not need.
    #[error(
        "it uses the component built-in `{0}`, which this contract neither needs nor allows (no streams, futures or threads)"
    )]
    BuiltIn(&'static str),
    /// Deeper than any toolchain nests.
    #[error("its components are nested more than {MAX_DEPTH} deep")]
    Depth,
}

fn upgrade(found: &str) -> &'static str {
    match parse_version(found) {
        Some(version) if version > CONTRACT => "update Sluice",
        _ => "rebuild the component against the current contract",
    }
}

/// Judges a component.
pub fn admit(bytes: &[u8], limit: u64) -> Result<Admitted, Refusal> {
    let size = bytes.len() as u64;
    if size > limit {
        return Err(Refusal::TooLarge { size, limit });
    }
    if !bytes.starts_with(MAGIC) {
        return Err(Refusal::NotAComponent("the file does not begin as WebAssembly does".to_owned()));
    }
    let mut walk = Walk::default();
    for payload in Parser::new(0).parse_all(bytes) {
        walk.visit(payload.map_err(|error| Refusal::NotAComponent(error.to_string()))?)?;
    }
    walk.finish()
}

/// Checks every byte of an admitted component before it is handed to the compiler. Takes some milliseconds, so it is
/// left out where a compiled form is at hand.
pub(super) fn validate(bytes: &[u8]) -> Result<(), Refusal> {
    let checked = Validator::new_with_features(WasmFeatures::all()).validate_all(bytes);
    checked.map(drop).map_err(|error| Refusal::NotAComponent(error.to_string()))
}

/// The state of one walk over all payloads, nested ones included.
#[derive(Default)]
struct Walk {
    /// Whether each enclosing unit is a component (true) or a core module (false).
    nesting: Vec<bool>,
    imports: Vec<String>,
    exports: Vec<String>,
    versions: BTreeSet<String>,
}

impl Walk {
    fn visit(&mut self, payload: Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding),
            Payload::End(_) => {
                self.nesting.pop();
                Ok(())
            }
            Payload::ComponentImportSection(section) if self.nesting.len() == 1 => {
                for import in section {
                    self.import(&import.map_err(|error| Refusal::NotAComponent(error.to_string()))?)?;
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) if self.nesting.len() == 1 => {
                for export in section {
                    let export = export.map_err(|error| Refusal::NotAComponent(error.to_string()))?;
                    self.export(export.name.name);
                }
                Ok(())
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let function = function.map_err(|error| Refusal::NotAComponent(error.to_string()))?;
                    forbidden_built_in(&function).map_or(Ok(()), |name| Err(Refusal::BuiltIn(name)))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, encoding: Encoding) -> Result<(), Refusal> {
        let component = encoding == Encoding::Component;
        if self.nesting.is_empty() && !component {
            return Err(Refusal::CoreModule);
        }
        if self.nesting.len() >= MAX_DEPTH {
            return Err(Refusal::Depth);
        }
        self.nesting.push(component);
        Ok(())
    }

    fn import(&mut self, import: &ComponentImport<'_>) -> Result<(), Refusal> {
        let name = import.name.name;
        let Some((interface, version)) = contract_item(name) else {
            return Err(Refusal::Import(name.to_owned()));
        };
        // Judged first: a newer contract may offer more, and then the version is what is wrong.
        judge_version(version)?;
        if !OFFERED.contains(&interface) {
            return Err(Refusal::Import(name.to_owned()));
        }
        self.versions.insert(version.to_owned());
        self.imports.push(name.to_owned());
        Ok(())
    }

    fn export(&mut self, name: &str) {
        if let Some((interface, version)) = contract_item(name) {
            self.versions.insert(version.to_owned());
            self.exports.push(interface.to_owned());
        }
    }

    fn finish(self) -> Result<Admitted, Refusal> {
        let contract =
            self.versions.iter().map(|found| judge_version(found)).collect::<Result<Vec<_>, _>>()?;
        if !self.exports.iter().any(|name| name == "connector") {
            return Err(Refusal::NoContract);
        }
        // An export of the contract carries its version, so there is at least one here.
        let contract = contract.into_iter().max().ok_or(Refusal::NoContract)?;
        Ok(Admitted { contract, imports: self.imports, exports: self.exports })
    }
}

/// Splits `sluice:connector/http@0.1.0` into its interface and version.
fn contract_item(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

fn parse_version(text: &str) -> Option<Version> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let version = Version { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? };
    parts.next().is_none().then_some(version)
}

fn judge_version(found: &str) -> Result<Version, Refusal> {
    parse_version(found)
        .filter(|found| (found.major, found.minor) == (CONTRACT.major, CONTRACT.minor) && *found <= CONTRACT)
        .ok_or_else(|| Refusal::Contract { found: found.to_owned() })
}

/// The name of a built-in outside what calls (synchronous or asynchronous) need; none for those that are allowed.
fn forbidden_built_in(function: &CanonicalFunction) -> Option<&'static str> {
    use CanonicalFunction as F;
    Some(match function {
        F::Lift { .. }
        | F::Lower { .. }
        | F::ResourceNew { .. }
        | F::ResourceDrop { .. }
        | F::ResourceRep { .. }
        | F::TaskReturn { .. }
        | F::TaskCancel
        | F::ContextGet { .. }
        | F::ContextSet { .. }
        | F::SubtaskDrop
        | F::SubtaskCancel { .. }
        | F::WaitableSetNew
        | F::WaitableSetWait { .. }
        | F::WaitableSetPoll { .. }
        | F::WaitableSetDrop
        | F::WaitableJoin => return None,
        F::BackpressureInc | F::BackpressureDec => "backpressure",
        F::StreamNew { .. }
        | F::StreamRead { .. }
        | F::StreamWrite { .. }
        | F::StreamCancelRead { .. }
        | F::StreamCancelWrite { .. }
        | F::StreamDropReadable { .. }
        | F::StreamDropWritable { .. } => "stream",
        F::FutureNew { .. }
        | F::FutureRead { .. }
        | F::FutureWrite { .. }
        | F::FutureCancelRead { .. }
        | F::FutureCancelWrite { .. }
        | F::FutureDropReadable { .. }
        | F::FutureDropWritable { .. } => "future",
        F::ErrorContextNew { .. } | F::ErrorContextDebugMessage { .. } | F::ErrorContextDrop => {
            "error-context"
        }
        _ => "thread",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1 << 20;

    fn judge(text: &str) -> Result<Admitted, Refusal> {
        admit(&wat::parse_str(text).unwrap(), LIMIT)
    }

    fn exporting(version: &str) -> String {
        format!(r#"(component (instance $i) (export "sluice:connector/connector@{version}" (instance $i)))"#)
    }

    #[test]
    fn admits_what_speaks_the_contract() {
        let admitted = judge(&exporting("0.1.0")).unwrap();
        assert_eq!(admitted.contract, CONTRACT);
        assert_eq!(admitted.exports, ["connector"]);
        assert!(admitted.imports.is_empty());
    }

    #[test]
    fn says_which_side_is_too_old() {
        for (version, advice) in [
            ("0.2.0", "update Sluice"),
            ("1.0.0", "update Sluice"),
            ("0.1.1", "update Sluice"),
            ("0.0.9", "rebuild the component"),
        ] {
            let refusal = judge(&exporting(version)).unwrap_err();
            assert!(matches!(&refusal, Refusal::Contract { found } if found == version), "{refusal}");
            assert!(refusal.to_string().contains(advice), "{refusal}");
        }
    }

    #[test]
    fn refuses_foreign_imports_by_name() {
        let text = r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#;
        assert_eq!(judge(text), Err(Refusal::Import("wasi:cli/environment@0.2.0".to_owned())));
        let own = r#"(component (import "sluice:connector/clocc@0.1.0" (instance)))"#;
        assert_eq!(judge(own), Err(Refusal::Import("sluice:connector/clocc@0.1.0".to_owned())));
        let bare = r#"(component (import "run" (func)))"#;
        assert_eq!(judge(bare), Err(Refusal::Import("run".to_owned())));
    }

    #[test]
    fn refuses_streams_futures_threads_and_backpressure_at_every_depth() {
        for (built_in, name) in [
            ("(type $t (stream u8)) (core func (canon stream.new $t))", "stream"),
            ("(type $t (future u8)) (core func (canon future.new $t))", "future"),
            ("(core func (canon backpressure.inc))", "backpressure"),
            ("(core func (canon thread.index))", "thread"),
            ("(core func (canon error-context.drop))", "error-context"),
        ] {
            for text in [format!("(component {built_in})"), format!("(component (component {built_in}))")] {
                assert_eq!(judge(&text), Err(Refusal::BuiltIn(name)), "{text}");
            }
        }
    }

    #[test]
    fn refuses_what_is_no_component() {
        assert_eq!(judge("(module)"), Err(Refusal::CoreModule));
        assert_eq!(judge("(component)"), Err(Refusal::NoContract));
        assert!(matches!(admit(b"#!/bin/sh", LIMIT), Err(Refusal::NotAComponent(_))));
        assert!(matches!(admit(b"", LIMIT), Err(Refusal::NotAComponent(_))));
        assert!(matches!(admit(&[0; 2048], 1024), Err(Refusal::TooLarge { size: 2048, limit: 1024 })));
    }

    #[test]
    fn a_broken_body_never_reaches_the_compiler() {
        let module = "(component (core module (func (result i32) i32.const 1)))";
        let sound = wat::parse_str(module).unwrap();
        assert_eq!(validate(&sound), Ok(()));
        let mut broken = sound;
        // `i32.const 1` becomes an instruction without a result.
        let at = broken.windows(2).position(|pair| pair == [0x41, 0x01]).unwrap();
        broken.splice(at..at + 2, [0x01, 0x01]);
        assert!(matches!(validate(&broken), Err(Refusal::NotAComponent(_))));
    }

    #[test]
    fn refuses_deep_nesting() {
        let text = format!("{}{}", "(component ".repeat(20), ")".repeat(20));
        assert_eq!(judge(&text), Err(Refusal::Depth));
    }

    proptest::proptest! {
        #[test]
        fn never_panics_on_arbitrary_bytes(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = admit(&bytes, LIMIT);
            let mut prefixed = b"\0asm\x0d\0\x01\0".to_vec();
            prefixed.extend(bytes);
            let _ = admit(&prefixed, LIMIT);
        }
    }
}
