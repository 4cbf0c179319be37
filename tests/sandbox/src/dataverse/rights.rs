//! Who the caller is and which privileges it holds.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::error::{ApiError, Outcome};
use super::guid;
use super::options::{ApplicationUser, DataverseFaults};
use super::schema::Table;

/// An application user with its row's identifier.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) number: u16,
    pub(crate) id: u128,
    pub(crate) application_id: String,
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    /// In the order of the options, for answers.
    pub(crate) privileges: Vec<String>,
    held: HashSet<String>,
}

impl User {
    pub(crate) fn new(number: u16, options: &ApplicationUser) -> Self {
        Self {
            number,
            id: guid::named(&format!("systemuser:{}", options.application_id)),
            application_id: options.application_id.clone(),
            name: options.name.clone(),
            roles: options.roles.clone(),
            privileges: options.privileges.clone(),
            held: options.privileges.iter().cloned().collect(),
        }
    }
}

/// What a privilege lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Read,
    Write,
    Delete,
    Append,
    AppendTo,
    Assign,
}

const VERBS: [(Verb, &str); 7] = [
    (Verb::Create, "Create"),
    (Verb::Read, "Read"),
    (Verb::Write, "Write"),
    (Verb::Delete, "Delete"),
    (Verb::Append, "Append"),
    (Verb::AppendTo, "AppendTo"),
    (Verb::Assign, "Assign"),
];

/// The caller's privileges during one operation; tables' masks are remembered, since a bulk message asks per row.
pub(crate) struct Rights<'a> {
    pub(crate) user: &'a User,
    faults: Arc<DataverseFaults>,
    masks: RefCell<Vec<(u16, u8)>>,
}

impl<'a> Rights<'a> {
    pub(crate) fn new(user: &'a User, faults: Arc<DataverseFaults>) -> Self {
        Self { user, faults, masks: RefCell::new(Vec::new()) }
    }

    /// Whether the caller holds the privilege by its name.
    pub(crate) fn holds(&self, privilege: &str) -> bool {
        self.user.held.contains(privilege) && !self.is_missing(privilege)
    }

    /// Whether the fault switches take this privilege from everybody.
    pub(crate) fn is_missing(&self, privilege: &str) -> bool {
        self.faults.missing_privileges.iter().any(|name| name == privilege)
    }

    /// Refuses with 403 0x80040220 when the caller lacks the privilege.
    pub(crate) fn need(&self, verb: Verb, table: &Table) -> Outcome<()> {
        let bit = 1 << (verb as u8);
        if self.mask(table) & bit != 0 { Ok(()) } else { Err(self.refusal(verb, table)) }
    }

    /// Whether the caller may change definitions.
    pub(crate) fn customises(&self) -> bool {
        self.holds("prvCreateEntity")
    }

    fn mask(&self, table: &Table) -> u8 {
        if let Some((_, mask)) = self.masks.borrow().iter().find(|(number, _)| *number == table.number) {
            return *mask;
        }
        let mask = VERBS.iter().fold(0, |mask, (verb, name)| {
            // A customiser's role is given everything on new tables.
            let privilege = format!("prv{name}{}", table.privilege);
            let given = table.custom && self.customises() && !self.is_missing(&privilege);
            let held = given || self.holds(&privilege);
            mask | (u8::from(held) << (*verb as u8))
        });
        self.masks.borrow_mut().push((table.number, mask));
        mask
    }

    fn refusal(&self, verb: Verb, table: &Table) -> ApiError {
        let name = VERBS.iter().find(|(one, _)| *one == verb).map_or("", |(_, name)| name);
        let privilege = format!("prv{name}{}", table.privilege);
        let user = guid::text(self.user.id);
        let text = format!(
            "Principal user (Id={user}, type=8, roleCount={}, privilegeCount={}, accessMode=4) is missing {privilege} \
             privilege (Id={}) on OTC={} for entity '{}'. context.Caller={user}.",
            self.user.roles.len(),
            self.user.privileges.len(),
            guid::text(guid::named(&privilege)),
            table.object_type_code,
            table.logical
        );
        ApiError::new(403, "0x80040220", text)
    }
}
