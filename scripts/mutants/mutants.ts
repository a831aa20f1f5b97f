/** A fault to plant, and the test that must see it. */
export interface Mutant {
  readonly name: string;
  /** What goes wrong, for the table. */
  readonly fault: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly search: string;
  readonly replace: string;
  /** The only test files that are run for it. */
  readonly tests: readonly string[];
  /** The full name of the test that must fail: its describe blocks and its own name. */
  readonly caughtBy: string;
}

const CORE = "packages/core";

/** Each is a mistake somebody could make, and nothing but a test would notice. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "commit-before-flush",
    fault: "an epoch is committed before its sinks have flushed",
    file: `${CORE}/src/runtime/epoch.ts`,
    search: "return sources.length === 0 && chains.length === 0 && sinks.length === 0;",
    replace: "return sources.length === 0 && chains.length === 0;",

    tests: [`${CORE}/test/checkpoints.test.ts`],
    caughtBy: "an epoch is committed only when every sink and every late and dead-letter target has flushed",
  },
  {
    name: "dead-letters-unflushed",
    fault: "a sink's dead-letter target gets the barrier before the dead letters",
    file: `${CORE}/src/runtime/sink-driver.ts`,
    search: 'else if (incoming.kind === "barrier" || incoming.kind === "end") this.#mark = incoming;',
    replace: `else if (incoming.kind === "barrier" || incoming.kind === "end") {
        this.#mark = incoming;
        if (incoming.kind === "barrier") this.#pushError(incoming);
      }`,
    tests: [`${CORE}/test/barrier-order.test.ts`],
    caughtBy:
      "a barrier comes to a dead-letter target behind the dead letters of the sink above: the epoch waits until they are written",
  },
  {
    name: "abandoned-changes-dropped",
    fault: "the changes of an abandoned epoch are not in the next one",
    file: `${CORE}/src/state/change-log.ts`,
    search: "if (this.#inSnapshot.size === 0) this.#inSnapshot = this.#changed;",
    replace: "if (this.#changed.size > 0) this.#inSnapshot = this.#changed;",
    tests: [`${CORE}/test/checkpoints.test.ts`],
    caughtBy: "an epoch that takes too long is given up: what it held is in the next, with all that came since",
  },
  {
    name: "changes-forgotten-early",
    fault: "stages forget their changes before the store has committed them",
    file: `${CORE}/src/runtime/coordinator.ts`,
    search: "if (!(await this.#store.toStore(delta))) return false;",
    replace: "committed();\n    if (!(await this.#store.toStore(delta))) return false;",
    tests: [`${CORE}/test/checkpoints.test.ts`],
    caughtBy: "a commit that failed and was not done goes into the next epoch",
  },
  {
    name: "unknown-commit-repeated",
    fault: "a commit that failed is taken for one that was not done",
    file: `${CORE}/src/runtime/epoch-commit.ts`,
    search: "return newest === delta.epoch;",
    replace: "return false;",
    tests: [`${CORE}/test/checkpoints.test.ts`],
    caughtBy: "a commit that failed but was done counts: nothing of it is written twice",
  },
  {
    name: "source-committed-first",
    fault: "positions are committed at the source before the checkpoint is in the store",
    file: `${CORE}/src/runtime/coordinator.ts`,
    search: "const delta = this.#delta(epoch.number, ended, positions, changes);",
    replace:
      "const delta = this.#delta(epoch.number, ended, positions, changes);\n    await this.#store.toSources(positions);",
    tests: [`${CORE}/test/checkpoints.test.ts`],
    caughtBy: "a commit in the store comes before that at the source, and both behind the flush",
  },
  {
    name: "positions-ahead",
    fault: "positions are noted when values were read, not when they were pushed",
    file: `${CORE}/src/runtime/partition-reads.ts`,
    search: 'partition.ready = batch ?? "end";',
    replace: 'partition.ready = batch ?? "end";\n        if (batch !== undefined) partition.position = batch.position;',
    tests: [`${CORE}/test/barrier-order.test.ts`],
    caughtBy: "a barrier stands behind what was pushed: what was only read is not in the positions",
  },
  {
    name: "alignment-skipped",
    fault: "at a merge the faster input does not wait behind its barrier",
    file: `${CORE}/src/runtime/inbox.ts`,
    search: "if (input.barrier !== undefined || input.channel.empty || !accepts(place)) continue;",
    replace: "if (input.channel.empty || !accepts(place)) continue;",
    tests: [`${CORE}/src/runtime/inbox.test.ts`],
    caughtBy: "an inbox lets the faster input wait behind a barrier; the one that is awaited goes on",
  },
  {
    name: "barrier-overtakes-async",
    fault: "a barrier passes an async operator before the values it has in flight",
    file: `${CORE}/src/operators/async-stage.ts`,
    search: "if (this.#over) return Promise.resolve();",
    replace: "return Promise.resolve();",
    tests: [`${CORE}/src/operators/map-async.test.ts`],
    caughtBy: "mapAsync lets a barrier and the end pass when everything before is out",
  },
  {
    name: "chain-does-not-drain",
    fault: "a chain does not wait for its async operator before it passes a barrier on",
    file: `${CORE}/src/runtime/chain.ts`,
    search: "this.#drain(head.onBarrier(), () => this.#pass(epoch));",
    replace: "this.#drain(Promise.resolve(), () => this.#pass(epoch));",
    tests: [`${CORE}/test/barrier-order.test.ts`],
    caughtBy: "a barrier leaves an async operator behind everything that was under way in it",
  },
  {
    name: "end-lost-on-split",
    fault: "the end of the input reaches only the first branch of a split",
    file: `${CORE}/src/runtime/chain.ts`,
    search: 'for (const link of this.links) this.#pushMark(link, { kind: "end", how });',
    replace: 'for (const link of this.links) this.#push(link, MAIN, { kind: "end", how });',
    tests: [`${CORE}/test/branches.test.ts`],
    caughtBy: "branches every branch of a split and of a round robin ends",
  },
  {
    name: "unfenced-commit",
    fault: "a run whose lease is over still commits",
    file: `${CORE}/src/state/memory-checkpoints.ts`,
    search: "const record = this.#leased(task, lease);",
    replace: "const record = this.#record(task);",
    tests: [`${CORE}/src/state/memory-checkpoints.test.ts`],
    caughtBy: "checkpoint store memory refuses a commit under a lease that is over, and changes nothing",
  },
  {
    name: "fence-ignored",
    fault: "the engine takes a fenced commit for one that may be repeated",
    file: `${CORE}/src/runtime/epoch-commit.ts`,
    search: 'if (error instanceof StreamError && error.code === "E_FENCED") throw error;',
    replace: "",
    tests: [`${CORE}/test/checkpoints.test.ts`],
    caughtBy: "a commit under a lease that is over ends the run (commit says so)",
  },
  {
    name: "timer-not-restored",
    fault: "timers are gone after a restart",
    file: `${CORE}/src/operators/process.ts`,
    search: "this.#timers.restore(all);",
    replace: "",
    tests: [`${CORE}/src/operators/process.test.ts`],
    caughtBy:
      "process timers survive a restart; those that became overdue meanwhile fire before the first value, in time order",
  },
  {
    name: "dedupe-forgotten",
    fault: "dedupe does not know after a restart what it has seen",
    file: `${CORE}/src/operators/dedupe.ts`,
    search: "  onWatermark(time: number): void {",
    replace: "  override restore(): void {}\n\n  onWatermark(time: number): void {",
    tests: [`${CORE}/src/operators/dedupe.test.ts`],
    caughtBy:
      "dedupe does not forget over a restart, nor when an epoch was abandoned, nor remembers what a crash undid",
  },
  {
    name: "lateness-by-batch",
    fault: "a value is marked late by the watermark before its batch, not before itself",
    file: `${CORE}/src/operators/event-time.ts`,
    search: "if (time <= watermark + 1) {",
    replace: "if (time <= partition.watermark + 1) {",
    tests: [`${CORE}/src/operators/event-time.test.ts`],
    caughtBy:
      "eventTime gives the same times, marks and last watermark however values are cut and partitions are read in turns",
  },
  {
    name: "lateness-by-merge",
    fault: "windows judge a value by the merged watermark, not by its partition's",
    file: `${CORE}/src/windows/window-stage.ts`,
    search: "return mark > this.watermark ? mark : this.watermark;",
    replace: "return this.watermark;",
    tests: [`${CORE}/src/windows/lateness.test.ts`],
    caughtBy:
      "lateness and last results of aligned windows follow from each value's own partition, however values are cut, interleaved, lost and replayed",
  },
  {
    name: "infinity-saved",
    fault: "the watermark +∞ of a complete input goes into the checkpoint",
    file: `${CORE}/src/windows/window-stage.ts`,
    search: "if (Number.isFinite(this.watermark)) changes.push(...mark);",
    replace: "changes.push(...mark);",
    tests: [`${CORE}/src/windows/window-operator.test.ts`],
    caughtBy: "window() does not save the end of an input as a time: what comes in the next run is not late",
  },
  {
    name: "window-not-freed",
    fault: "the state of a window is kept after its last call",
    file: `${CORE}/src/windows/aligned-windows.ts`,
    search: "    this.#free(frame);\n  }",
    replace: "  }",
    tests: [`${CORE}/src/windows/lateness.test.ts`],
    caughtBy: "state of windows is gone when everything has fired, and only what changed is saved",
  },
  {
    name: "firing-not-saved",
    fault: "after a restart a window does not know that it has fired",
    file: `${CORE}/src/windows/aligned-windows.ts`,
    search: "if (stays) this.#touch(cell);",
    replace: "",
    tests: [`${CORE}/src/windows/window-operator.test.ts`],
    caughtBy:
      "window() knows after a restart how often a window has fired, also where nothing came since the last checkpoint",
  },
  {
    name: "late-target-skipped",
    fault: "a value late for every sliding window is left out without a word",
    file: `${CORE}/src/windows/aligned-windows.ts`,
    search: "if (open.length === 0) this.late.add(batch, i, time, behind, windows);",
    replace: "if (open.length === 0) continue;",
    tests: [`${CORE}/src/windows/lateness.test.ts`],
    caughtBy:
      "lateness and last results of aligned windows follow from each value's own partition, however values are cut, interleaved, lost and replayed",
  },
  {
    name: "single-flight-broken",
    fault: "a lookup fetches a key again that is already being fetched",
    file: `${CORE}/src/operators/fetcher.ts`,
    search: "if (open !== undefined) return open;",
    replace: "",
    tests: [`${CORE}/src/operators/fetcher.test.ts`],
    caughtBy: "Fetcher asks for what is there, at most `size` keys a fetch and `concurrency` fetches, each key once",
  },
  {
    name: "poison-retried",
    fault: "a value that can never be written is tried again and again",
    file: `${CORE}/src/runtime/write-group.ts`,
    search: 'errorClass === "conflict" ||',
    replace: 'errorClass === "conflict" ||\n    errorClass === "poison" ||',
    tests: [`${CORE}/src/runtime/write-group.test.ts`],
    caughtBy: "a batch refused as poison is halved, in order, where the sink is idempotent or refuses atomically",
  },
  {
    name: "merge-forgets-input",
    fault: "one value on two ways into a merge has one id",
    file: `${CORE}/src/operators/merge.ts`,
    search: "origins.map((origin) => child(origin, input)) as readonly Origin[]",
    replace: "origins",
    tests: [`${CORE}/src/operators/merge.test.ts`],
    caughtBy: "merge adds the number of the input to the ids, so that one value on two ways stays two",
  },
  {
    name: "stopped-partition-is-over",
    fault: "time passes a partition that was only read up to its stopAt",
    file: `${CORE}/src/runtime/source-driver.ts`,
    search: "if (this.vertex.source.bounded === true)",
    replace: "if (this.vertex.source.bounded !== undefined)",
    tests: [`${CORE}/src/runtime/source-driver.test.ts`],
    caughtBy:
      'a source of several partitions lets time pass one that has ended only if it is over for ever ({"bounded":false,"fired":[]})',
  },
  {
    name: "decisions-forgotten-by-score",
    fault: "a decision is forgotten by a score that a crash left ahead of the log",
    file: "packages/scoring/src/memory/memory-citizens.ts",
    search: "const latest = Math.max(...released.map(([, { occurredAt }]) => occurredAt));",
    replace: "const latest = Math.max(...[...decisions].map(([, { occurredAt }]) => occurredAt));",
    tests: ["packages/scoring/src/memory/memory-ports.test.ts"],
    caughtBy:
      "in memory: the ports' contract citizens: a decision is forgotten only when its message is released and a copy would be too late",
  },
];
