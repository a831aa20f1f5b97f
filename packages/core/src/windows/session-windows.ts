import type { Key } from "../element.js";
import type { Batch, StageContext, StateChange } from "../stage.js";
import { StateLog } from "../state/state-log.js";
import { TimeHeap } from "../time/time-heap.js";
import { byOrder, newSession, type SavedSession, type Session, type Sessions, savedSession } from "./session-state.js";
import { entryBytes, entryKey, keyOfEntry } from "./state-entries.js";
import type { TimeSpan, Windowed } from "./window.js";
import type { Holding, OpenWindow, WindowSetup } from "./window-setup.js";
import { WindowStage } from "./window-stage.js";

/**
 * Sessions. A value merges with the sessions of its key that it overlaps or touches and that are still live for it, that is, while
 * `end − 1 + allowedLateness` is ahead of the watermark the value is judged by; it is late when even the merged session is over by that
 * watermark. A session that grows past the watermark again waits for its new end.
 */
export class SessionWindows<T, A> extends WindowStage<T, A> {
  readonly #gapMs: number;
  readonly #merge: (left: A, right: A) => A;
  readonly #keys = new Map<Key | undefined, Sessions<A>>();
  readonly #deadlines = new TimeHeap<Session<A>>(byOrder);
  readonly #earlies = new TimeHeap<Session<A>>(byOrder);
  readonly #log = new StateLog<Sessions<A>>();
  #begun = 0;

  constructor(setup: WindowSetup<T, A>, gapMs: number, merge: (left: A, right: A) => A, context: StageContext) {
    super(setup, context);
    this.#gapMs = gapMs;
    this.#merge = merge;
  }

  protected addBatch(batch: Batch<T>, input: number): void {
    const { values, keys } = batch;
    const times = this.timesOf(batch);
    const marks = this.marksOf(batch);
    for (let i = 0; i < values.length; i++) {
      const time = times === null ? this.now : (times[i] as number);
      const behind = this.judgedBy(marks, i);
      this.#addOne(batch, i, time, behind, this.setup.keyed ? (keys as readonly Key[])[i] : undefined, input);
    }
  }

  protected get nextDeadline(): number {
    return this.#deadlines.nextTime;
  }

  protected advance(to: number): void {
    this.watermark = to;
    for (;;) {
      const end = this.#deadlines.nextTime;
      const early = this.#earlies.nextTime;
      if (Math.min(early, end) > to || (early === end && end === Number.POSITIVE_INFINITY)) break;
      if (early < end) {
        const session = this.#earlies.pop() as Session<A>;
        if (!session.gone && session.earlyAt === early && session.end - 1 > to) this.fireEarly(session);
      } else {
        const session = this.#deadlines.pop() as Session<A>;
        if (!session.gone && session.deadline === end) this.#due(session, end);
      }
    }
  }

  protected fireEarly(holding: Holding<A>): void {
    this.#fire(holding as Session<A>, "early");
  }

  protected awaitEarlyEvent(holding: Holding<A>): void {
    const session = holding as Session<A>;
    const { early } = this.setup.plan;
    if (early?.by !== "event") return;
    const passed = this.watermark < session.start ? 0 : Math.floor((this.watermark - session.start) / early.everyMs);
    const at = session.start + (passed + 1) * early.everyMs;
    if (at === session.earlyAt || at >= session.end) return;
    session.earlyAt = at;
    this.#earlies.push(at, session);
  }

  protected fireAll(): void {
    for (const session of this.#open())
      if (session.added > 0 || !this.setup.plan.discarding) this.#fire(session, "early");
  }

  protected changes(): StateChange[] {
    return this.#log.snapshot(
      ({ key }) => entryBytes(entryKey(key)),
      ({ list }) => this.encodePiece(Math.max(...list.map(({ end }) => end - 1)), list.map(savedSession)),
    );
  }

  protected forgetChanges(): void {
    this.#log.committed();
  }

  protected load(entry: string, state: unknown): void {
    const owner: Sessions<A> = { key: keyOfEntry(entry), list: [], changed: false, saved: true, gone: false };
    this.#keys.set(owner.key, owner);
    for (const [start, end, accumulator, added, firing, dueAt, replaces] of state as SavedSession<A>[]) {
      const session = newSession(owner, this.#begun++, { start, end }, accumulator);
      Object.assign(session, {
        added,
        firing,
        dueAt: dueAt ?? undefined,
        replaces,
        closed: !this.setup.plan.final && end - 1 <= this.watermark,
      });
      owner.list.push(session);
      this.#schedule(session);
      this.resumeEarly(session);
      if (added > 0 && !session.closed) this.awaitEarlyEvent(session);
    }
  }

  held(): number {
    let values = 0;
    for (const { list } of this.#keys.values()) for (const { added } of list) values += added;
    return values;
  }

  protected openOf(key: Key | undefined): OpenWindow[] {
    const list = this.#keys.get(key)?.list ?? [];
    const open = list.map(({ start, end, accumulator }) => ({
      window: { start, end },
      value: this.setup.content.result(accumulator, key, start, end),
    }));
    return open.sort((left, right) => left.window.start - right.window.start);
  }

  protected nextOpen(): { window: TimeSpan; keys: number } | undefined {
    const next = this.#open()[0];
    return next === undefined ? undefined : { window: { start: next.start, end: next.end }, keys: 1 };
  }

  /** The sessions whose end is ahead, the one that ends first before the others. */
  #open(): Session<A>[] {
    const open = [...this.#keys.values()].flatMap(({ list }) => list.filter(({ closed }) => !closed));
    return open.sort((left, right) => left.end - right.end || left.order - right.order);
  }

  #addOne(batch: Batch<T>, place: number, time: number, behind: number, key: Key | undefined, input: number): void {
    const end = time + this.#gapMs;
    const { latenessMs } = this.setup.plan;
    const owner = this.#keys.get(key);
    let session: Session<A> | undefined;
    let several: Session<A>[] | undefined;
    for (const other of owner?.list ?? []) {
      if (other.start > end || other.end < time || other.end - 1 + latenessMs <= behind) continue;
      if (session === undefined) session = other;
      else if (several === undefined) several = [session, other];
      else several.push(other);
    }
    if (session === undefined) {
      if (end - 1 + latenessMs <= behind) this.late.add(batch, place, time, behind, [{ start: time, end }]);
      else this.#addFirst(batch, place, time, key, owner, input);
    } else if (several === undefined) {
      this.#addTo(session, batch, place, time, behind, input);
    } else {
      this.#bridge(several, batch, place, time, behind, input);
    }
  }

  #addTo(session: Session<A>, batch: Batch<T>, place: number, time: number, behind: number, input: number): void {
    try {
      session.accumulator = this.setup.content.add(session.accumulator, batch, place, time, input);
    } catch (error) {
      this.context.fail(error, batch, place);
      return;
    }
    this.#grow(session, time, time + this.#gapMs, behind);
    this.#added(session);
  }

  /** A value that bridges sessions must not join them if it fails, so it is an accumulator of its own first. */
  #bridge(sessions: Session<A>[], batch: Batch<T>, place: number, time: number, behind: number, input: number): void {
    const { content } = this.setup;
    const [into, ...others] = sessions.sort((left, right) => left.start - right.start) as [Session<A>, ...Session<A>[]];
    try {
      const value = content.add(content.init(), batch, place, time, input);
      let { accumulator } = into;
      for (const other of others) accumulator = this.#merge(accumulator, other.accumulator);
      into.accumulator = this.#merge(accumulator, value);
    } catch (error) {
      this.context.fail(error, batch, place);
      return;
    }
    const end = Math.max(time + this.#gapMs, ...sessions.map((session) => session.end));
    for (const other of others) this.#take(into, other, behind);
    this.resumeEarly(into);
    this.#grow(into, time, end, behind);
    this.#added(into);
  }

  #addFirst(
    batch: Batch<T>,
    place: number,
    time: number,
    key: Key | undefined,
    found: Sessions<A> | undefined,
    input: number,
  ): void {
    const { content } = this.setup;
    let accumulator: A;
    try {
      accumulator = content.add(content.init(), batch, place, time, input);
    } catch (error) {
      this.context.fail(error, batch, place);
      return;
    }
    const owner = found ?? { key, list: [], changed: false, saved: false, gone: false };
    const session = newSession(owner, this.#begun++, { start: time, end: time + this.#gapMs }, accumulator);
    this.begin(session, found === undefined ? key : undefined, batch, place);
    this.#keys.set(key, owner);
    owner.list.push(session);
    this.#added(session);
  }

  /** A session is taken into another one, but for its accumulator. */
  #take(into: Session<A>, other: Session<A>, behind: number): void {
    this.#leave(other, behind);
    into.replaces.push(...other.replaces);
    into.added += other.added;
    if (other.dueAt !== undefined && (into.dueAt === undefined || other.dueAt < into.dueAt)) into.dueAt = other.dueAt;
    other.gone = true;
    into.owner.list.splice(into.owner.list.indexOf(other), 1);
  }

  #grow(session: Session<A>, start: number, end: number, behind: number): void {
    if (start >= session.start && end <= session.end) return;
    this.#leave(session, behind);
    session.start = Math.min(session.start, start);
    session.end = Math.max(session.end, end);
  }

  /**
   * A value makes the session another window: what it has fired as this one is replaced by its next result. So is what it has not fired
   * although the value's own partition had passed its end: before a crash it may have.
   */
  #leave(session: Session<A>, behind: number): void {
    const { discarding, final } = this.setup.plan;
    const { start, end, firing } = session;
    if (!discarding && (firing > 0 || (!final && end - 1 <= behind))) session.replaces.push({ start, end });
    session.firing = 0;
  }

  /** A value is in: the session waits for its end, or has passed it and fires at once. */
  #added(session: Session<A>): void {
    this.checkLimit(session.accumulator, session.owner.key);
    session.added++;
    this.#log.touch(session.owner);
    session.closed = !this.setup.plan.final && session.end - 1 <= this.watermark;
    this.#schedule(session);
    if (session.closed) this.#fire(session, "late");
    else this.awaitEarly(session);
  }

  /** Moves its place in the row of deadlines forward; one that only moves back is looked at again when the old one comes. */
  #schedule(session: Session<A>): void {
    const { final, latenessMs } = this.setup.plan;
    const at = session.end - 1 + (final || session.closed ? latenessMs : 0);
    if (session.deadline <= at) return;
    session.deadline = at;
    this.#deadlines.push(at, session);
  }

  /** The time of its place in the row came: it fires, or no value can be in time for it any more, unless it has grown meanwhile. */
  #due(session: Session<A>, at: number): void {
    const { final, latenessMs, discarding } = this.setup.plan;
    const lastCall = session.end - 1 + latenessMs;
    session.deadline = Number.NaN;
    if (!session.closed && at >= (final ? lastCall : session.end - 1)) {
      session.closed = true;
      if (session.added > 0 || !discarding) this.#fire(session, "onTime");
    }
    if (at >= lastCall) this.#free(session);
    else this.#schedule(session);
  }

  #free(session: Session<A>): void {
    const { owner } = session;
    session.gone = true;
    owner.list.splice(owner.list.indexOf(session), 1);
    if (owner.list.length > 0) {
      this.#log.touch(owner);
      return;
    }
    this.#keys.delete(owner.key);
    this.#log.remove(owner);
  }

  #fire(session: Session<A>, timing: Windowed<unknown, unknown>["timing"]): void {
    const { owner, firing, replaces } = session;
    this.fire(session.accumulator, owner.key, session, timing, firing, { replaces });
    session.firing++;
    session.added = 0;
    session.replaces = [];
    session.dueAt = undefined;
    session.earlyAt = Number.NaN;
    if (this.setup.plan.discarding) session.accumulator = this.setup.content.init();
    this.#log.touch(owner);
  }
}
