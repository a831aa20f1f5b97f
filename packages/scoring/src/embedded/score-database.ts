import Database from "better-sqlite3";

/** An open connection to the score database. */
export type ScoreConnection = Database.Database;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS citizens (
  citizenID TEXT PRIMARY KEY, nationalID TEXT NOT NULL UNIQUE, name TEXT NOT NULL, profile TEXT NOT NULL,
  score INTEGER NOT NULL, raw REAL NOT NULL, tier TEXT NOT NULL, lastCalculated INTEGER, lastEventAt INTEGER,
  version INTEGER NOT NULL, partition TEXT, offset INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS citizens_by_tier ON citizens (tier, score);
CREATE TABLE IF NOT EXISTS decisions (
  id INTEGER PRIMARY KEY, citizenID TEXT NOT NULL, eventID TEXT NOT NULL, partition TEXT NOT NULL, offset INTEGER NOT NULL,
  digest TEXT NOT NULL, occurredAt INTEGER NOT NULL, decision TEXT NOT NULL, UNIQUE (citizenID, eventID)
) STRICT;
CREATE TABLE IF NOT EXISTS rule_application_state (
  citizenID TEXT NOT NULL, ruleID TEXT NOT NULL, lastEventID TEXT NOT NULL, applications TEXT NOT NULL, PRIMARY KEY (citizenID, ruleID)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scoring_rule_definitions (
  ruleID TEXT NOT NULL, version INTEGER NOT NULL, definition TEXT NOT NULL, PRIMARY KEY (ruleID, version)
) STRICT;
CREATE TABLE IF NOT EXISTS rule_sets (version TEXT PRIMARY KEY, rules TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS system_configuration (
  version INTEGER PRIMARY KEY, active INTEGER NOT NULL, configuration TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_active_configuration ON system_configuration (active) WHERE active = 1;
CREATE TABLE IF NOT EXISTS durable_marks (id INTEGER PRIMARY KEY CHECK (id = 1), marks INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO durable_marks VALUES (1, 0);
`;

/**
 * Opens the file with the truth about citizens, decisions and rules; makes it if it is not there. A commit survives the death of
 * the process at once, and the death of the machine after {@link makeDurable}.
 */
export function openScoreDatabase(file: string): ScoreConnection {
  const db = new Database(file);
  db.pragma("busy_timeout = 10000");
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = NORMAL");
  // Copying the log back into the file waits for the disk: rarely is better than often.
  db.pragma("wal_autocheckpoint = 8000");
  db.pragma("cache_size = -65536");
  db.exec(SCHEMA);
  return db;
}

/** Forces everything committed so far onto the disk: one commit that is synchronized takes all before it along. */
export function makeDurable(db: ScoreConnection): void {
  db.pragma("synchronous = FULL");
  try {
    db.exec("UPDATE durable_marks SET marks = marks + 1");
  } finally {
    db.pragma("synchronous = NORMAL");
  }
}
