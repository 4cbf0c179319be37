//! What a table and a column are: the shape that [`super::dictionary`] fills and that everything else reads.
//!
//! A [`Schema`] is an immutable snapshot behind an `Arc`; a change of definitions makes a new one. Column and table
//! numbers are never reused, so rows stay readable under every later snapshot.

use super::guid::FastMap;

/// Upper bound on tables, so that a table number fits its field in a stored lookup.
pub(crate) const MAX_TABLES: usize = 4096;

/// Type and limits of a column's values.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Single-line text; length in UTF-16 units.
    Text {
        max: u32,
        format: &'static str,
    },
    /// Multi-line text; length in UTF-16 units.
    Memo {
        max: u32,
    },
    Integer {
        min: i64,
        max: i64,
    },
    BigInt,
    Double {
        min: f64,
        max: f64,
        precision: u8,
    },
    Decimal {
        min: f64,
        max: f64,
        precision: u8,
    },
    Money {
        min: f64,
        max: f64,
    },
    Boolean {
        default: Option<bool>,
    },
    Choice {
        options: Vec<Choice>,
        default: Option<i64>,
    },
    /// Each option's `state` is unused here.
    State {
        options: Vec<Choice>,
    },
    /// Each option belongs to a state; the first of a state is that state's default.
    Status {
        options: Vec<Choice>,
    },
    DateTime,
    /// `Edm.DateTimeOffset` that also takes a bare date (`overriddencreatedon`).
    DateOrTime,
    Date,
    Guid,
    Lookup {
        targets: Vec<Target>,
        class: &'static str,
    },
}

/// One option of a choice.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) value: i64,
    pub(crate) label: String,
    pub(crate) state: i64,
}

/// One table that a lookup may point at, and the navigation property that binds to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) table: String,
    pub(crate) navigation: String,
    /// Schema name of the relationship, when a client named it.
    pub(crate) relationship: Option<String>,
}

/// Where a column's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The client's value, or the default.
    Stored,
    PrimaryId,
    CreatedOn,
    ModifiedOn,
    CreatedBy,
    ModifiedBy,
    Version,
    Owner,
    OwningUser,
    OwningTeam,
    BusinessUnit,
    FullName,
    /// The composite of the address columns that start with the same nine characters.
    Composite,
    Currency,
    ExchangeRate,
    /// The base amount of the money column with this number.
    Base(u16),
    /// Always null: a column that only the service's own processes fill.
    Empty,
}

/// One column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) logical: String,
    pub(crate) schema_name: String,
    /// Name in rows and queries: the logical name, or `_x_value` for a lookup.
    pub(crate) property: String,
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    pub(crate) create: bool,
    pub(crate) update: bool,
    pub(crate) required: &'static str,
    pub(crate) custom: bool,
    /// Epoch milliseconds from which the data API knows the column.
    pub(crate) visible_ms: u64,
}

impl Column {
    /// OData's name for the type.
    pub(crate) fn edm(&self) -> &'static str {
        match self.kind {
            Kind::Text { .. } | Kind::Memo { .. } => "Edm.String",
            Kind::Integer { .. } | Kind::Choice { .. } | Kind::State { .. } | Kind::Status { .. } => {
                "Edm.Int32"
            }
            Kind::BigInt => "Edm.Int64",
            Kind::Double { .. } => "Edm.Double",
            Kind::Decimal { .. } | Kind::Money { .. } => "Edm.Decimal",
            Kind::Boolean { .. } => "Edm.Boolean",
            Kind::DateTime | Kind::DateOrTime => "Edm.DateTimeOffset",
            Kind::Date => "Edm.Date",
            Kind::Guid | Kind::Lookup { .. } => "Edm.Guid",
        }
    }

    /// Whether any client may write it.
    pub(crate) fn writable(&self) -> bool {
        self.create || self.update
    }
}

/// Who may own a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    User,
    Organization,
}

/// A unique index over columns.
#[derive(Clone, Debug)]
pub(crate) struct AlternateKey {
    pub(crate) logical: String,
    pub(crate) schema_name: String,
    pub(crate) display: String,
    pub(crate) columns: Vec<u16>,
    /// Epoch milliseconds from which the index is usable.
    pub(crate) active_ms: u64,
    /// The table held duplicates when the index was built.
    pub(crate) failed: bool,
}

/// One table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) number: u16,
    pub(crate) logical: String,
    pub(crate) schema_name: String,
    pub(crate) set: String,
    pub(crate) primary_id: String,
    pub(crate) primary_name: String,
    /// What follows the verb in a privilege's name.
    pub(crate) privilege: String,
    pub(crate) object_type_code: u32,
    pub(crate) ownership: Ownership,
    /// Whether the bulk messages exist for it.
    pub(crate) bulk: bool,
    pub(crate) custom: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) keys: Vec<AlternateKey>,
    /// Epoch milliseconds from which the data API knows the table.
    pub(crate) visible_ms: u64,
    by_property: FastMap<String, u16>,
    by_logical: FastMap<String, u16>,
    navigations: FastMap<String, u16>,
    pub(crate) email: Option<u16>,
    pub(crate) state: Option<u16>,
    pub(crate) status: Option<u16>,
    pub(crate) owner: Option<u16>,
}

impl Table {
    /// An empty table; columns are added with [`Table::add`].
    pub(crate) fn new(logical: &str, schema_name: &str, set: &str, object_type_code: u32) -> Self {
        Self {
            number: 0,
            logical: logical.to_owned(),
            schema_name: schema_name.to_owned(),
            set: set.to_owned(),
            primary_id: format!("{logical}id"),
            primary_name: "name".to_owned(),
            privilege: schema_name.to_owned(),
            object_type_code,
            ownership: Ownership::Organization,
            bulk: false,
            custom: false,
            columns: Vec::new(),
            keys: Vec::new(),
            visible_ms: 0,
            by_property: FastMap::default(),
            by_logical: FastMap::default(),
            navigations: FastMap::default(),
            email: None,
            state: None,
            status: None,
            owner: None,
        }
    }

    /// Appends a column and returns its number; a name that is taken is ignored.
    pub(crate) fn add(&mut self, column: Column) -> u16 {
        if let Some(number) = self.by_logical.get(&column.logical) {
            return *number;
        }
        let number = u16::try_from(self.columns.len()).unwrap_or(u16::MAX);
        self.by_property.insert(column.property.clone(), number);
        self.by_logical.insert(column.logical.clone(), number);
        if let Kind::Lookup { targets, .. } = &column.kind {
            for target in targets {
                self.navigations.insert(target.navigation.clone(), number);
            }
        }
        match column.logical.as_str() {
            "emailaddress1" => self.email = Some(number),
            "statecode" => self.state = Some(number),
            "statuscode" => self.status = Some(number),
            "ownerid" => self.owner = Some(number),
            _ => {}
        }
        self.columns.push(column);
        number
    }

    /// The column with this number; numbers come from this table.
    pub(crate) fn column(&self, number: u16) -> Option<&Column> {
        self.columns.get(usize::from(number))
    }

    /// The column that rows and queries call `property`.
    pub(crate) fn by_property(&self, property: &str) -> Option<u16> {
        self.by_property.get(property).copied()
    }

    /// The column with this logical name.
    pub(crate) fn by_logical(&self, logical: &str) -> Option<u16> {
        self.by_logical.get(logical).copied()
    }

    /// The lookup that this navigation property writes.
    pub(crate) fn by_navigation(&self, navigation: &str) -> Option<u16> {
        self.navigations.get(navigation).copied()
    }

    /// Whether this column is the primary key.
    pub(crate) fn is_primary(&self, number: u16) -> bool {
        self.column(number).is_some_and(|column| column.origin == Origin::PrimaryId)
    }
}

/// All tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    tables: Vec<std::sync::Arc<Table>>,
    by_set: FastMap<String, u16>,
    by_logical: FastMap<String, u16>,
}

impl Schema {
    /// Appends a table and gives it its number; a name that is taken is ignored.
    pub(crate) fn add(&mut self, mut table: Table) -> Option<u16> {
        if self.tables.len() >= MAX_TABLES || self.by_logical.contains_key(&table.logical) {
            return None;
        }
        let number = u16::try_from(self.tables.len()).ok()?;
        table.number = number;
        self.by_set.insert(table.set.clone(), number);
        self.by_logical.insert(table.logical.clone(), number);
        self.tables.push(std::sync::Arc::new(table));
        Some(number)
    }

    /// Replaces the definition of a table that is there.
    pub(crate) fn replace(&mut self, table: Table) {
        let number = usize::from(table.number);
        if let Some(slot) = self.tables.get_mut(number) {
            *slot = std::sync::Arc::new(table);
        }
    }

    /// The table behind an entity set name, case-sensitive.
    pub(crate) fn by_set(&self, set: &str) -> Option<&Table> {
        self.by_set.get(set).and_then(|number| self.table(*number))
    }

    /// The table with this logical name.
    pub(crate) fn by_logical(&self, logical: &str) -> Option<&Table> {
        self.by_logical.get(logical).and_then(|number| self.table(*number))
    }

    /// The table with this number.
    pub(crate) fn table(&self, number: u16) -> Option<&Table> {
        self.tables.get(usize::from(number)).map(|table| &**table)
    }

    /// All tables in order of their numbers.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().map(|table| &**table)
    }
}
