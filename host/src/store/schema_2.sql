-- What a vendor's notices said has changed. `due_ms` is when to work on it next; empty once it is settled. A delete is
-- carried out twice, `attempts` says how often it was; it stays as a tombstone, so that a late page cannot bring its
-- record back. Only keys, never content.
CREATE TABLE notice (
    id INTEGER PRIMARY KEY,
    partition_id INTEGER NOT NULL REFERENCES partition (id),
    key TEXT NOT NULL,
    op INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    due_ms INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (partition_id, key, op, time_ms)
) STRICT;
CREATE INDEX notice_due ON notice (partition_id, due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX notice_delete ON notice (partition_id) WHERE op = 1;
CREATE INDEX notice_age ON notice (received_ms) WHERE due_ms IS NULL;
