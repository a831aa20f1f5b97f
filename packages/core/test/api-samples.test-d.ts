/**
 * The contract's samples, held against the real types: what is written here must infer as annotated, and each line below a
 * `@ts-expect-error` must not compile. Checked by `npm run typecheck`; nothing here runs.
 */
import {
  type CheckpointStore,
  countWindow,
  type DeadLetter,
  type Flow,
  from,
  type Key,
  type KeyedStream,
  type Late,
  type Lookup,
  mapState,
  type Sink,
  type Source,
  type Stream,
  session,
  sliding,
  toMermaid,
  topology,
  tumbling,
  valueState,
  type Windowed,
} from "@millrace/core";

type Ev = { citizenID: string; at: number; amount: number; type: "pay" | "post" };
type Citizen = { id: string; tier: string };
declare const events: Source<Ev>;
declare const store: CheckpointStore;
declare const citizens: Lookup<string, Citizen>;
declare const scores: Sink<{ id: string; after: number }>;
declare const archive: Sink<Ev>;
declare const dead: Sink<DeadLetter<unknown>>;
declare const nums: Sink<number>;
const doubled: Promise<number[]> = from([1, 2, 3])
  .map((n) => n * 2)
  .collect();
const timed = from(events).eventTime((e) => e.at, { maxOutOfOrderness: "10s", idleTimeout: "1m" });
const byCitizen = timed.keyBy((e) => e.citizenID, { partitioned: true });
const enriched: KeyedStream<string, { event: Ev; citizen: Citizen | undefined }> = byCitizen.lookup(
  (e) => e.citizenID,
  citizens,
  (event, citizen) => ({ event, citizen }),
  { cache: { max: 50_000, ttl: "1m" }, onError: dead },
);
const scored = enriched.stateful("score", {
  init: (): number => 600,
  onValue: (score, { event }, { key }) => [score + event.amount, { id: key, after: score + event.amount }],
  ttl: "90d",
});
const scoredT: Stream<{ id: string; after: number }> = scored;
const hourly = byCitizen
  .window("hourly", tumbling({ size: "1h" }), { allowedLateness: "5m", late: (s) => s.map((l) => l.lateBy).to(nums) })
  .aggregate((by) => ({ events: by.count(), worst: by.max((e) => e.amount) }));
const hourlyT: Stream<Windowed<string, { events: number; worst: number | undefined }>> = hourly;
const day: Stream<Windowed<string, number>> = byCitizen.window("day", sliding({ size: "24h", slide: "1h" })).count();
const visits: Stream<Windowed<string, Ev[]>> = byCitizen.window("visits", session({ gap: "30m" })).collect();
const sum: Stream<Windowed<string, number>> = byCitizen.window("sum", session({ gap: "30m" })).fold(
  () => 0,
  (a, e) => a + e.amount,
  (l, r) => l + r,
);
// @ts-expect-error sessions need merge
byCitizen.window("sum2", session({ gap: "30m" })).fold(
  () => 0,
  (a, e) => a + e.amount,
);
const global: Stream<Windowed<Key | undefined, number>> = timed.window("all", tumbling({ size: "1m" })).count();
const arrays: Stream<Ev[]> = timed.tumblingWindow("1m");
const counted = from([1, 2])
  .window("c", countWindow(100, { step: 10 }))
  .reduce((a, b) => a + b);
const top = topology(
  "scoring",
  scored.to(scores, { onError: dead }),
  byCitizen.to(archive, { batch: { size: 500, within: "1s" } }),
  hourly.map((w) => w.value.events).to(nums),
);
const run = top.start({ checkpoint: { every: "5s", store } });
void run.stop({ timeout: "30s" });
toMermaid(top.describe());
const perKey = (s: KeyedStream<string, Ev>) => s.fold(0, (a, e) => a + e.amount);
const k1: KeyedStream<string, number> = byCitizen.via(perKey);
// @ts-expect-error not keyed
timed.via(perKey);
const flow: Flow<number, string> = (s) => s.map((n) => String(n));
const viaT: Stream<string> = from([1]).via(flow);
// @ts-expect-error async in map
from([1]).map(async (n) => n);
// @ts-expect-error mixed
from([1]).map((n) => (n > 1 ? n : Promise.resolve(n)));
// @ts-expect-error stateful before keyBy
timed.stateful("x", { init: () => 0, onValue: (s: number, _v: Ev) => [s, s] });
// @ts-expect-error sink of the wrong type
timed.to(nums);
// @ts-expect-error not a duration
tumbling({ size: "1 hour" });
// @ts-expect-error a late target gets Late<…>, not the bare value
byCitizen.window("w", tumbling({ size: "1h" }), { late: archive });
const z: Stream<[number, string, Ev]> = from([1]).zip(from(["a"]), timed);
// @ts-expect-error zipWith's function must fit its inputs
from([1]).zipWith([from(["a"])], (n, s: number) => n + s);
const [pays, posts] = timed.split((e): e is Ev & { type: "pay" } => e.type === "pay");
const joined: Stream<[Ev, number | undefined]> = byCitizen.leftJoin(
  "j",
  k1,
  { between: ["-2s", "5s"] },
  (l, r) => [l, r] as [Ev, number | undefined],
);
const inner: Stream<number> = byCitizen.join("j2", k1, tumbling({ size: "1m" }), (l, r) => l.amount + r);
const alerts: Stream<string> = byCitizen.process("burst", {
  state: { n: valueState<number>(), seen: mapState<string, number>({ ttl: "7d" }) },
  onValue(e, ctx) {
    const n = (ctx.state.n.get() ?? 0) + 1;
    ctx.state.n.set(n);
    ctx.setTimer(e.at + 60_000);
    if (n > 10) return [`${ctx.key} bursts`];
  },
  onTimer(_t, _c, ctx) {
    ctx.state.n.clear();
  },
});
const deduped = byCitizen.dedupe("d", { by: (e) => e.at, within: "24h" }).mapAsync(
  async (e, { signal }) => {
    signal.throwIfAborted();
    return e.amount;
  },
  { concurrency: 32, order: "key", timeout: "2s" },
);
const narrowed: Stream<number> = from<number | undefined>([1, undefined])
  .filter((v) => v !== undefined)
  .map((v) => v * 2);
const any1 = from(["{}"]).map((s) => JSON.parse(s));
const lit: Stream<"a" | "b"> = from([1]).map((n) => (n > 1 ? "a" : "b"));
const late: Late<Ev> | undefined = undefined;
const global2: Stream<Windowed<Key | undefined, number>> =
  day.map((w) => w.value) &&
  byCitizen
    .window("perKey", tumbling({ size: "1m" }))
    .count()
    .unkeyed()
    .window("overAll", tumbling({ size: "1m" }))
    .count();
const filled: Stream<number> = from([1, 2]).zipWith([from([1])], (a, b) => a + b, { fill: [0, 0] });
const timedOut: Stream<string> = from([1]).mapAsync(async (n) => String(n), {
  timeout: "1s",
  fallback: (n) => `timeout:${n}`,
});
const col = from([3])
  .via((s) => s.map((n) => n + 1))
  .to(nums)
  .run();
const inferred = byCitizen.process("burst2", {
  state: { n: valueState<number>() },
  onValue(e, ctx) {
    if (e.amount > 10) return [`${ctx.key} bursts`];
    return;
  },
  onTimer() {
    return ["t"];
  },
});
const inferredT: Stream<string> = inferred.map((s) => s.toUpperCase());

// The samples name what they infer; nothing else reads it.
void [
  doubled,
  scoredT,
  visits,
  sum,
  late,
  hourlyT,
  global,
  arrays,
  counted,
  viaT,
  z,
  pays,
  posts,
  joined,
  inner,
  alerts,
  deduped,
  narrowed,
  any1,
  lit,
  global2,
  filled,
  timedOut,
  col,
  inferredT,
];
