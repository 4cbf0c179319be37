//! What the store says after a run, read from its file and not through the host's own code.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

/// The numbers that stand for outcomes in the store. They never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Created,
    Updated,
    Upserted,
    Unchanged,
    Skipped,
    Rejected,
}

impl Status {
    fn of(number: i64) -> Self {
        match number {
            0 => Self::Created,
            1 => Self::Updated,
            2 => Self::Upserted,
            3 => Self::Unchanged,
            5 => Self::Skipped,
            6 => Self::Rejected,
            other => panic!("no outcome has the number {other}"),
        }
    }
}

/// A dead letter.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) record: String,
}

/// The store's file.
pub(crate) struct Ledger(Connection);

impl Ledger {
    pub(crate) fn open(path: &Path) -> Self {
        assert!(path.exists(), "there is no store");
        Self(Connection::open(path).unwrap())
    }

    /// The outcome of every record. Fails if one has several.
    #[track_caller]
    pub(crate) fn outcomes(&self) -> BTreeMap<String, Status> {
        let mut query = self.0.prepare("SELECT key, status FROM ledger").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let mut outcomes = BTreeMap::new();
        for row in rows {
            let (key, status): (String, i64) = row.unwrap();
            let before = outcomes.insert(key.clone(), Status::of(status));
            assert_eq!(before, None, "{key} has two outcomes");
        }
        outcomes
    }

    /// The dead letters by key.
    pub(crate) fn dead_letters(&self) -> BTreeMap<String, Letter> {
        let mut query = self.0.prepare("SELECT key, code, message, record FROM dead_letter").unwrap();
        let rows = query.query_map([], |row| {
            Ok((row.get(0)?, Letter { code: row.get(1)?, message: row.get(2)?, record: row.get(3)? }))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Every text of every table, except the records of dead letters, which are kept to be sent again.
    pub(crate) fn texts(&self) -> Vec<String> {
        let columns = "SELECT m.name, p.name FROM sqlite_schema m JOIN pragma_table_info(m.name) p
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND NOT (m.name = 'dead_letter' AND p.name = 'record')";
        let mut query = self.0.prepare(columns).unwrap();
        let columns = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let mut texts = Vec::new();
        for column in columns {
            let (table, column): (String, String) = column.unwrap();
            let values = format!(r#"SELECT "{column}" FROM "{table}" WHERE typeof("{column}") = 'text'"#);
            let mut query = self.0.prepare(&values).unwrap();
            texts.extend(query.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap));
        }
        texts
    }

    /// The cursors that are kept.
    pub(crate) fn cursors(&self) -> Vec<String> {
        let mut query = self.0.prepare("SELECT cursor FROM slot WHERE cursor IS NOT NULL").unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Whether SQLite finds its file sound.
    #[track_caller]
    pub(crate) fn assert_sound(&self) {
        let verdict: String = self.0.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
    }
}
