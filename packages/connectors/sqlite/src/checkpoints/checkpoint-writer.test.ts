import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { tempDir } from "../../test/temp-dir.js";
import type { CallArgument, CallName, CallResult } from "../file/file-calls.js";
import { FileOwner } from "../file/file-owner.js";
import { packEntries, unpackEntries } from "./entry-bytes.js";
import type { PageEnd } from "./state-tables.js";

// Without the thread: what it does with the file, and nothing else.
const open: FileOwner[] = [];
afterEach(() => {
  for (const owner of open.splice(0)) owner.do("close", {});
});

function ownerOf(file: string): FileOwner {
  const owner = new FileOwner();
  open.push(owner);
  owner.do("open", { path: file });
  owner.do("defineCheckpoints", {});
  return owner;
}

let staged = 0;

function commit(owner: FileOwner, lease: number, epoch: number, changes: Record<string, string | undefined>): void {
  staged++;
  const entries = Object.entries(changes).map(
    ([key, value]) => ["state", Buffer.from(key), value === undefined ? undefined : Buffer.from(value)] as const,
  );
  for (const piece of packEntries(entries)) owner.do("stage", { staged, piece });
  owner.do("commit", { task: "job", lease, epoch, head: `{"positions":"${epoch}"}`, staged, parts: [] });
}

function lease(owner: FileOwner, task = "job"): { number: number; epoch: number | undefined } {
  const taken = owner.do("lease", { task, host: "here", pid: 1, since: 0, waitMs: 0 });
  if ("heldBy" in taken) throw new Error("held");
  return { number: taken.number, epoch: taken.latest?.epoch };
}

function restore(owner: FileOwner, task = "job"): Record<string, string> {
  const { number, epoch } = lease(owner, task);
  const found: Record<string, string> = {};
  let after: PageEnd | undefined;
  do {
    if (epoch === undefined) break;
    const page = owner.do("page", { task, lease: number, epoch, after });
    for (const [, key, value] of unpackEntries(page.entries)) found[String(key)] = String(value);
    after = page.end;
  } while (after !== undefined);
  return found;
}

/** A file with two epochs, closed. */
function written(): string {
  const file = join(tempDir(), "app.db");
  const owner = ownerOf(file);
  const { number } = lease(owner);
  commit(owner, number, 1, { a: "1", b: "2", d: "5" });
  commit(owner, number, 2, { b: "3", c: "4", d: undefined });
  owner.do("close", {});
  return file;
}

const good = { a: "1", b: "3", c: "4" };

function failure<N extends CallName>(owner: FileOwner, name: N, argument: CallArgument<N>): unknown {
  try {
    return { result: owner.do(name, argument) as CallResult<N> };
  } catch (error) {
    return error;
  }
}

describe("a checkpoint in a file", () => {
  it("comes back as it was", () => {
    expect(restore(ownerOf(written()))).toEqual(good);
  });

  it("is deleted from only where there was something", () => {
    const owner = ownerOf(written());
    const { number } = lease(owner);
    commit(owner, number, 3, { nothing: undefined, a: undefined });
    owner.do("release", { task: "job", lease: number });
    expect(restore(owner)).toEqual({ b: "3", c: "4" });
  });

  it.each([
    ["an entry's value", "UPDATE millrace_state SET value = CAST('9' AS BLOB) WHERE value = CAST('1' AS BLOB)"],
    ["an entry's key", "UPDATE millrace_state SET key = CAST('z' AS BLOB) WHERE key = CAST('a' AS BLOB)"],
    ["a missing entry", "DELETE FROM millrace_state WHERE key = CAST('a' AS BLOB)"],
    [
      "an entry too many",
      "INSERT INTO millrace_state SELECT task, state, CAST('d' AS BLOB), value, sum FROM millrace_state WHERE key = CAST('a' AS BLOB)",
    ],
    [
      "an old entry in place of a new one",
      `UPDATE millrace_state SET value = CAST('2' AS BLOB), sum = ${2_000_000_000} WHERE key = CAST('b' AS BLOB)`,
    ],
    [
      "two entries that have changed places",
      "UPDATE millrace_state SET value = CASE key WHEN CAST('a' AS BLOB) THEN CAST('3' AS BLOB) ELSE CAST('1' AS BLOB) END WHERE key < CAST('c' AS BLOB)",
    ],
    [
      "an entry under another state",
      "INSERT INTO millrace_states VALUES (9, 'other'); UPDATE millrace_state SET state = 9 WHERE key = CAST('a' AS BLOB)",
    ],
    ["a state without a name", "DELETE FROM millrace_states"],
    ["the head", "UPDATE millrace_checkpoints SET head = replace(head, '\"2\"', '\"7\"')"],
    ["the epoch", "UPDATE millrace_checkpoints SET epoch = 1"],
    ["the number of entries", "UPDATE millrace_checkpoints SET entries = 2"],
    ["a missing head", "DELETE FROM millrace_checkpoints"],
  ])("is refused after a change to %s", (_, statement) => {
    const file = written();
    const db = new Database(file);
    db.exec(statement);
    db.close();
    expect(() => restore(ownerOf(file))).toThrow(
      expect.objectContaining({ code: "E_CHECKPOINT_CORRUPT", message: expect.stringContaining(file) }),
    );
  });

  it("is refused as another task's", () => {
    const file = written();
    const db = new Database(file);
    db.exec("UPDATE millrace_tasks SET task = 'other'");
    db.close();
    expect(() => restore(ownerOf(file), "other")).toThrow(expect.objectContaining({ code: "E_CHECKPOINT_CORRUPT" }));
  });

  it("never comes back other than it was written, whichever page of the file is overwritten", () => {
    const file = written();
    const bytes = readFileSync(file);
    const outcomes: unknown[] = [];
    for (let page = 0; page < bytes.length / 4_096; page++) {
      const bad = Buffer.from(bytes);
      bad.fill(0xa5, page * 4_096, (page + 1) * 4_096);
      writeFileSync(file, bad);
      const owner = new FileOwner();
      try {
        owner.do("open", { path: file });
        owner.do("defineCheckpoints", {});
        outcomes.push(restore(owner));
      } catch (error) {
        outcomes.push((error as { code: string }).code);
      }
      owner.do("close", {});
    }
    const codes = outcomes.filter((outcome) => typeof outcome === "string");
    expect(new Set(codes)).toEqual(new Set(["E_SQLITE_CORRUPT"]));
    for (const state of outcomes.filter((outcome) => typeof outcome !== "string")) expect(state).toEqual(good);
  });
});

describe("a lease", () => {
  it("fences whoever held it before, also where the lock was taken away with its file", () => {
    const file = written();
    const old = ownerOf(file);
    const first = lease(old);
    // Another process that lost sight of the lock: the number alone must hold it off.
    const db = new Database(file);
    db.exec("UPDATE millrace_tasks SET lease = lease + 1, host = 'there', pid = 7");
    db.close();
    expect(failure(old, "latestEpoch", { task: "job", lease: first.number })).toMatchObject({
      code: "E_FENCED",
      message: expect.stringContaining("process 7 on there"),
    });
    expect(() => commit(old, first.number, 3, { a: "zombie" })).toThrow(expect.objectContaining({ code: "E_FENCED" }));
    old.do("release", { task: "job", lease: first.number });
    old.do("close", {});
    expect(restore(ownerOf(file))).toEqual(good);
  });
});
