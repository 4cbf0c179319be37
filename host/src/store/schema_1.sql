-- Times are epoch milliseconds.

CREATE TABLE partition (
    id INTEGER PRIMARY KEY,
    pipeline TEXT NOT NULL,
    stream TEXT NOT NULL,
    partition TEXT NOT NULL,
    name TEXT,
    state TEXT,
    message TEXT,
    at_ms INTEGER,
    UNIQUE (pipeline, stream, partition)
) STRICT;

-- Where a cursor lives. `selection` is empty for the whole partition, else a digest of the selection's text.
CREATE TABLE slot (
    id INTEGER PRIMARY KEY,
    partition_id INTEGER NOT NULL REFERENCES partition (id),
    selection TEXT NOT NULL,
    fence INTEGER NOT NULL,
    cursor TEXT,
    at_ms INTEGER,
    pages INTEGER NOT NULL DEFAULT 0,
    "read" INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL DEFAULT 0,
    updated INTEGER NOT NULL DEFAULT 0,
    upserted INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0,
    replaced INTEGER NOT NULL DEFAULT 0,
    retried INTEGER NOT NULL DEFAULT 0,
    UNIQUE (partition_id, selection)
) STRICT;

-- One outcome a record. Records come oldest first, so clustering by time makes inserts nearly sequential; there is
-- no index on the key alone, because random inserts into one cost more than all else at millions of rows. No foreign
-- key either: it would be looked up for every record.
CREATE TABLE ledger (
    partition_id INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    key TEXT NOT NULL,
    op INTEGER NOT NULL,
    status INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    table_id INTEGER,
    target ANY,
    code TEXT,
    message TEXT,
    notes TEXT,
    PRIMARY KEY (partition_id, time_ms, key)
) STRICT, WITHOUT ROWID;

-- The names of tables at the destination, kept once.
CREATE TABLE target_table (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY,
    partition_id INTEGER NOT NULL REFERENCES partition (id),
    key TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    record TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    UNIQUE (partition_id, key)
) STRICT;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    pipeline TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    finished_ms INTEGER,
    verdict TEXT,
    report TEXT
) STRICT;
CREATE INDEX run_by_pipeline ON run (pipeline, id);
