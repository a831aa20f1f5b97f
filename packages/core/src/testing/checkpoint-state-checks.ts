import assert from "node:assert/strict";
import type { CheckpointHead, StateEntry } from "../connector.js";
import {
  bytes,
  type CheckpointBench,
  type CheckpointSetup,
  check,
  entryText,
  hex,
  refused,
  type Saved,
  stateOf,
} from "./checkpoint-bench.js";
import type { Check } from "./suite.js";

/** What is committed comes back, whole and as it was. */
export function stateChecks(setup: CheckpointSetup): Check[] {
  return [
    check(setup, "has nothing at first", startsEmpty),
    check(setup, "restores what was committed, after later commits too", restoresState),
    check(setup, "forgets deleted keys, and knows an empty value from a deleted one", forgetsDeleted),
    check(setup, "agrees with a map over many epochs and restarts", agreesWithMap),
    check(setup, "keeps every field of the head", keepsHead),
    check(setup, "keeps any bytes in keys and values", keepsHostileBytes),
    check(setup, "keeps 10,000 entries and a value of 4 MB", keepsLargeState),
    check(setup, "copies what it is given and what it gives", copies),
    check(setup, "refuses an epoch that is not newer, and changes nothing", refusesOldEpochs),
    check(setup, "keeps the tasks apart", keepsTasksApart),
    check(setup, "has a commit that was cut off whole or not at all", cutCommitIsAtomic),
  ];
}

async function startsEmpty(bench: CheckpointBench): Promise<void> {
  const leased = await bench.leased();
  assert.equal(leased.latest, undefined, "a new task must have no checkpoint");
  assert.equal(await leased.latestEpoch(), undefined, "a new task must have no newest epoch");
}

async function restoresState(bench: CheckpointBench): Promise<void> {
  const leased = await bench.leased();
  await leased.commit(1, [put("a", "1", "one"), put("a", "2", "two"), put("b", "1", "other")]);
  assert.equal(await leased.latestEpoch(), 1);
  await leased.commit(2, [put("a", "2", "two again")]);
  await leased.commit(3);
  assert.equal(await leased.latestEpoch(), 3);
  await leased.release();
  const saved = await requireSaved(bench);
  assert.equal(saved.head.epoch, 3);
  assertState(saved, [put("a", "1", "one"), put("a", "2", "two again"), put("b", "1", "other")]);
}

async function forgetsDeleted(bench: CheckpointBench): Promise<void> {
  const leased = await bench.leased();
  await leased.commit(1, [put("a", "1", "one"), put("a", "2", "two"), put("a", "", "empty key"), put("b", "1", "")]);
  await leased.commit(2, [remove("a", "1"), remove("a", "never there"), remove("none", "1"), put("b", "2", "")]);
  await leased.commit(3, [remove("a", "2"), put("a", "1", "back")]);
  await leased.release();
  assertState(await requireSaved(bench), [
    put("a", "1", "back"),
    put("a", "", "empty key"),
    put("b", "1", ""),
    put("b", "2", ""),
  ]);
}

async function agreesWithMap(bench: CheckpointBench): Promise<void> {
  const oracle = new Map<string, string>();
  let epoch = 0;
  let seed = 7;
  const draw = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let restart = 0; restart < 4; restart++) {
    const leased = await bench.leased();
    if (restart > 0) assert.deepEqual(leased.latest && (await stateOf(leased.latest)), oracle, `after ${epoch} epochs`);
    for (let i = 0; i < 15; i++) {
      const changes = new Map<string, StateEntry>();
      for (let n = draw(8); n > 0; n--) {
        const state = `state${draw(3)}`;
        const key = String(draw(12));
        changes.set(`${state} ${key}`, draw(3) === 0 ? remove(state, key) : put(state, key, `${epoch}.${n}`));
      }
      for (const [state, key, value] of changes.values()) {
        if (value === undefined) oracle.delete(entryText(state, key));
        else oracle.set(entryText(state, key), hex(value));
      }
      await leased.commit(++epoch, [...changes.values()]);
    }
    await leased.release();
  }
  assert.deepEqual((await requireSaved(bench)).state, oracle);
}

async function keepsHead(bench: CheckpointBench): Promise<void> {
  const hostile = `a "quoted" 'name'\\ \n\t \0 é 日本 🙂 __proto__`;
  const head: CheckpointHead = {
    format: 1,
    epoch: 2 ** 40,
    ended: true,
    topologyHash: hostile,
    mode: "per-partition",
    positions: new Map([
      [
        "orders",
        new Map([
          ["0", "17"],
          ["1", hostile],
          ["2", ""],
          ["__proto__", "x".repeat(5_000)],
        ]),
      ],
      ["__proto__", new Map([[hostile, "9007199254740993"]])],
      ["empty", new Map()],
    ]),
    partitionCounts: new Map([
      ["orders", 3],
      ["constructor", 1],
    ]),
    time: {
      processing: 1_700_000_000_123.5,
      watermarks: new Map([
        ["orders/0", -62_135_596_800_000],
        [hostile, 0.25],
      ]),
    },
    sinkStates: new Map([
      ["file", everyByte()],
      [hostile, new Uint8Array()],
    ]),
  };
  const leased = await bench.leased();
  await leased.commit(head.epoch, [], head);
  await leased.release();
  const { head: saved } = await requireSaved(bench);
  for (const field of [
    "format",
    "epoch",
    "ended",
    "topologyHash",
    "mode",
    "positions",
    "partitionCounts",
    "time",
  ] as const)
    assert.deepEqual(saved[field], head[field], `${field} must come back as it was`);
  const texts = (states: ReadonlyMap<string, Uint8Array>): unknown =>
    new Map(Array.from(states, ([sink, state]) => [sink, hex(state)]));
  assert.deepEqual(texts(saved.sinkStates), texts(head.sinkStates), "sinkStates must come back as they were");
  const next = await bench.leased();
  await next.commit(head.epoch + 1);
  await next.release();
  assert.deepEqual(
    (await requireSaved(bench)).head.positions,
    new Map([["source", new Map([["0", String(head.epoch + 1)]])]]),
    "a head is replaced, not merged",
  );
}

async function keepsHostileBytes(bench: CheckpointBench): Promise<void> {
  const keys = [
    new Uint8Array(),
    new Uint8Array([0]),
    new Uint8Array([0, 0]),
    new Uint8Array([0xff]),
    new Uint8Array([0xff, 0]),
    new Uint8Array([0xc3, 0x28]),
    everyByte(),
    bytes(`'"\\;--\n`),
    new Uint8Array(600).fill(0x25),
  ];
  const entries: StateEntry[] = keys.flatMap((key): StateEntry[] => [
    ["window.a_b-c", key, everyByte()],
    ["window.a", key, key],
  ]);
  const leased = await bench.leased();
  await leased.commit(1, entries);
  await leased.release();
  assertState(await requireSaved(bench), entries);
}

async function keepsLargeState(bench: CheckpointBench): Promise<void> {
  const entries = Array.from({ length: 10_000 }, (_, i): StateEntry => put("large", String(i), `value ${i}`));
  const large = new Uint8Array(4_000_000).map((_, i) => (i * 31) % 251);
  const leased = await bench.leased();
  await leased.commit(1, [...entries, ["large", bytes("one"), large]]);
  await leased.commit(
    2,
    entries.slice(0, 9_000).map(([state, key]): StateEntry => [state, key, undefined]),
  );
  await leased.release();
  assertState(await requireSaved(bench), [...entries.slice(9_000), ["large", bytes("one"), large]]);
}

async function copies(bench: CheckpointBench): Promise<void> {
  // Buffers: their slice() shares memory.
  const entry: StateEntry = ["a", Buffer.from("key"), Buffer.from("value")];
  const positions = new Map([["source", new Map([["0", "1"]])]]);
  const sinkState = Buffer.from("5");
  const leased = await bench.leased();
  await leased.commit(1, [entry], { positions, sinkStates: new Map([["sink", sinkState]]) });
  entry[1].fill(0);
  entry[2]?.fill(0);
  sinkState.fill(0);
  positions.get("source")?.set("0", "changed");
  await leased.release();
  for (let i = 0; i < 2; i++) {
    const next = await bench.leased();
    assert.ok(next.latest !== undefined, "a committed checkpoint must be there");
    assert.equal(
      next.latest.positions.get("source")?.get("0"),
      "1",
      "positions must not change with the caller's maps",
    );
    assert.equal(
      hex(next.latest.sinkStates.get("sink") ?? new Uint8Array()),
      hex(bytes("5")),
      "a sink's state must not change with the caller's bytes",
    );
    for await (const page of next.latest.entries()) {
      for (const [state, key, value] of page) {
        assert.deepEqual(
          [state, hex(key), hex(value ?? new Uint8Array())],
          ["a", hex(bytes("key")), hex(bytes("value"))],
          "state must not change with the caller's bytes",
        );
        key.fill(0);
        value?.fill(0);
      }
    }
    await next.release();
  }
}

async function refusesOldEpochs(bench: CheckpointBench): Promise<void> {
  const leased = await bench.leased();
  await leased.commit(5, [put("a", "1", "five")]);
  await refused("commit() of the same epoch", leased.commit(5, [put("a", "1", "again"), put("a", "2", "again")]));
  await refused("commit() of an older epoch", leased.commit(4, [remove("a", "1")]));
  assert.equal(await leased.latestEpoch(), 5);
  await leased.release();
  const saved = await requireSaved(bench);
  assert.equal(saved.head.epoch, 5);
  assertState(saved, [put("a", "1", "five")]);
  const next = await bench.leased();
  await refused("commit() of an epoch of an earlier lease", next.commit(5));
  await next.commit(9);
  assert.equal(await next.latestEpoch(), 9);
}

async function keepsTasksApart(bench: CheckpointBench): Promise<void> {
  const one = await bench.leased("orders/0");
  const other = await bench.leased("orders/00");
  await one.commit(7, [put("a", "1", "of one")]);
  assert.equal(await other.latestEpoch(), undefined, "another task's epoch must not show");
  await other.commit(1, [put("a", "1", "of the other"), put("a", "2", "of the other")]);
  await one.release();
  await other.release();
  assertState(await requireSaved(bench, "orders/0"), [put("a", "1", "of one")]);
  assertState(await requireSaved(bench, "orders/00"), [put("a", "1", "of the other"), put("a", "2", "of the other")]);
}

async function cutCommitIsAtomic(bench: CheckpointBench): Promise<void> {
  const first = await bench.leased();
  const old = Array.from({ length: 500 }, (_, i): StateEntry => put("a", String(i), "old"));
  await first.commit(1, old);
  const fresh = old.map(([state, key]): StateEntry => [state, key, bytes("new")]);
  const cut = first.commit(2, fresh).catch(() => {});
  await first.connection.close();
  await cut;
  const saved = await requireSaved(bench);
  assertState(saved, saved.head.epoch === 2 ? fresh : old);
}

async function requireSaved(bench: CheckpointBench, task?: string): Promise<Saved> {
  const saved = await bench.saved(task);
  assert.ok(saved !== undefined, "a committed checkpoint must be there for the next run");
  return saved;
}

function assertState({ state }: Saved, wanted: readonly StateEntry[]): void {
  const oracle = new Map(wanted.map(([name, key, value]) => [entryText(name, key), hex(value ?? new Uint8Array())]));
  const missing = [...oracle].filter(([entry, value]) => state.get(entry) !== value);
  const extra = [...state].filter(([entry]) => !oracle.has(entry));
  assert.ok(
    missing.length === 0 && extra.length === 0,
    `restored state: ${missing.length} of ${oracle.size} entries are missing or wrong (${missing[0]?.[0] ?? ""}), ${extra.length} are too much (${extra[0]?.[0] ?? ""})`,
  );
}

function put(state: string, key: string, value: string): StateEntry {
  return [state, bytes(key), bytes(value)];
}

function remove(state: string, key: string): StateEntry {
  return [state, bytes(key), undefined];
}

function everyByte(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, i) => i);
}
