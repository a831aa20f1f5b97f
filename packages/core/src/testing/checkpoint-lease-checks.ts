import assert from "node:assert/strict";
import {
  bytes,
  type CheckpointBench,
  type CheckpointSetup,
  check,
  entryText,
  hex,
  refused,
  refusedWith,
  stateOf,
  TASK,
} from "./checkpoint-bench.js";
import { type Check, within } from "./suite.js";

/** One run at a time may write a task's checkpoints. */
export function leaseChecks(setup: CheckpointSetup): Check[] {
  return [
    check(setup, "refuses a lease that is held, naming its holder", refusesHeldLease),
    check(setup, "numbers leases upwards", numbersGrow),
    check(setup, "gives a lease to whoever waits, when it is released, with what was saved", waiterGetsLease),
    check(setup, "gives a lease to whoever waits, when its holder closes", closeFreesLease),
    check(setup, "lets a wait be given up", waitIsAbortable),
    check(setup, "refuses a commit under a lease that is over, and changes nothing", fencesOldLease),
    check(setup, "ignores the release of a lease that is over", ignoresOldRelease),
    check(setup, "leases the tasks one by one", leasesTasksApart),
  ];
}

async function refusesHeldLease(bench: CheckpointBench): Promise<void> {
  const holder = await bench.leased();
  const other = await bench.connect();
  const error = await refusedWith("E_LEASE_HELD", "lease() of a held task", other.lease(TASK));
  assert.ok(
    error.message.includes(String(process.pid)),
    `E_LEASE_HELD must name the holder's pid (${process.pid}); it says: ${error.message}`,
  );
  await refusedWith("E_LEASE_HELD", "a second lease() of a held task", other.lease(TASK, { wait: false }));
  await holder.commit(1);
  assert.equal(await holder.latestEpoch(), 1, "the holder must not be harmed by refused leases");
}

async function numbersGrow(bench: CheckpointBench): Promise<void> {
  let last = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < 4; i++) {
    const leased = await bench.leased();
    assert.ok(leased.number > last, `lease number ${leased.number} must be higher than the one before, ${last}`);
    last = leased.number;
    if (i % 2 === 0) await leased.release();
    else await within("close()", leased.connection.close());
  }
}

async function waiterGetsLease(bench: CheckpointBench): Promise<void> {
  const holder = await bench.leased();
  const standby = await bench.connect();
  let released = false;
  const waiting = standby.lease(TASK, { wait: true }).then((lease) => {
    assert.ok(released, "a standby got the lease while it was held");
    return lease;
  });
  waiting.catch(() => {});
  await holder.commit(1, [["a", bytes("1"), bytes("one")]]);
  await holder.commit(2, [["a", bytes("2"), bytes("two")]]);
  released = true;
  await holder.release();
  const { number, latest } = await within("lease({ wait: true }) after a release", waiting, 60_000);
  assert.ok(number > holder.number, `the standby's lease number ${number} must be higher than ${holder.number}`);
  assert.equal(latest?.epoch, 2, "the standby must get what was committed while it waited");
  assert.deepEqual(
    latest && (await stateOf(latest)),
    new Map([
      [entryText("a", bytes("1")), hex(bytes("one"))],
      [entryText("a", bytes("2")), hex(bytes("two"))],
    ]),
  );
  await refusedWith("E_FENCED", "commit() by the former holder", holder.commit(3));
}

async function closeFreesLease(bench: CheckpointBench): Promise<void> {
  const holder = await bench.leased();
  await holder.commit(1);
  const standby = await bench.connect();
  const waiting = standby.lease(TASK, { wait: true });
  waiting.catch(() => {});
  await within("close() of the holder", holder.connection.close());
  const { number, latest } = await within("lease({ wait: true }) after the holder closed", waiting, 60_000);
  assert.ok(number > holder.number);
  assert.equal(latest?.epoch, 1);
}

async function waitIsAbortable(bench: CheckpointBench): Promise<void> {
  const holder = await bench.leased();
  const standby = await bench.connect();
  const controller = new AbortController();
  const waiting = standby.lease(TASK, { wait: true, signal: controller.signal });
  waiting.catch(() => {});
  await holder.commit(1);
  controller.abort(new Error("given up"));
  await refused("lease({ wait: true }) after its signal ended", waiting);
  await refused(
    "lease({ wait: true }) with a signal that has ended",
    standby.lease(TASK, { wait: true, signal: controller.signal }),
  );
  await holder.release();
  const next = await bench.leased();
  await next.commit(2);
}

async function fencesOldLease(bench: CheckpointBench): Promise<void> {
  const old = await bench.leased();
  await old.commit(1, [["a", bytes("1"), bytes("old")]]);
  await old.release();
  await refusedWith("E_FENCED", "commit() after release()", old.commit(2, [["a", bytes("1"), bytes("zombie")]]));
  const current = await bench.leased();
  await refusedWith("E_FENCED", "commit() under an older lease", old.commit(3, [["a", bytes("1"), bytes("zombie")]]));
  await refusedWith("E_FENCED", "latestEpoch() under an older lease", old.latestEpoch());
  await current.commit(4, [["a", bytes("2"), bytes("current")]]);
  await refusedWith("E_FENCED", "commit() under an older lease, after the newer one's", old.commit(9));
  assert.equal(await current.latestEpoch(), 4);
  await current.release();
  const saved = await bench.saved();
  assert.deepEqual(
    saved?.state,
    new Map([
      [entryText("a", bytes("1")), hex(bytes("old"))],
      [entryText("a", bytes("2")), hex(bytes("current"))],
    ]),
    "a fenced commit must leave nothing behind",
  );
}

async function ignoresOldRelease(bench: CheckpointBench): Promise<void> {
  const old = await bench.leased();
  await old.release();
  const current = await bench.leased();
  await old.release().catch(() => {});
  await within("close() of the former holder", old.connection.close());
  await current.commit(1);
  await refusedWith("E_LEASE_HELD", "lease() after a former holder's release", (await bench.connect()).lease(TASK));
}

async function leasesTasksApart(bench: CheckpointBench): Promise<void> {
  const one = await bench.leased("orders/0");
  const other = await bench.leased("orders/1");
  await one.release();
  await refusedWith(
    "E_LEASE_HELD",
    "lease() of the task that is still held",
    (await bench.connect()).lease("orders/1"),
  );
  await other.commit(1);
  await refusedWith("E_FENCED", "commit() of the released task", one.commit(1));
}
