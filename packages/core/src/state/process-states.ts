import type { Key } from "../element.js";
import { StreamError } from "../errors.js";
import type { StateChange } from "../stage.js";
import type { Declaration } from "./declarations.js";
import { type CallPlace, LiveList, LiveMap, type LiveState, LiveValue } from "./live-states.js";
import { planTtl } from "./ttl.js";

const PREFIX = "state|";
const decoder = new TextDecoder();

/** All declared states of an operator, for the key of the call at hand; what a call changed is taken back if it fails. */
export class ProcessStates implements CallPlace {
  readonly #operator: string;
  readonly #created: () => void;
  readonly #live = new Map<string, LiveState>();
  #undo: (() => void)[] = [];
  key: Key = "";
  at: number = Number.NaN;
  watermark: number = Number.NEGATIVE_INFINITY;

  /** `created` is told when a key has its first state. */
  constructor(operator: string, declared: ReadonlyMap<string, Declaration>, created: () => void) {
    this.#operator = operator;
    this.#created = created;
    for (const [name, { kind, ttl }] of declared) {
      const where = `${operator}.${name}`;
      const options = { where, prefix: prefixOf(name), ttl: planTtl(ttl, where), place: this };
      if (kind === "value") this.#live.set(name, new LiveValue(options));
      else this.#live.set(name, kind === "map" ? new LiveMap(options) : new LiveList(options));
    }
  }

  /** The states by name, as the functions see them. */
  get states(): Record<string, unknown> {
    return Object.fromEntries(this.#live);
  }

  /** A call for this key begins; `at` is the time by which it reads and writes. */
  enter(key: Key, at: number, watermark: number): void {
    this.key = key;
    this.at = at;
    this.watermark = watermark;
    if (this.#undo.length > 0) this.#undo = [];
  }

  created(): void {
    this.#created();
  }

  undo(change: () => void): void {
    this.#undo.push(change);
  }

  /** The call failed: takes back what it changed, the last first. */
  rollBack(): void {
    for (const change of this.#undo.reverse()) change();
    this.#undo = [];
  }

  sweep(watermark: number): void {
    for (const live of this.#live.values()) live.sweep(watermark);
  }

  snapshot(): StateChange[] {
    return [...this.#live.values()].flatMap((live) => live.snapshot());
  }

  committed(): void {
    for (const live of this.#live.values()) live.committed();
  }

  /** Takes the entries, each into its state. Throws `E_STATE_UNKNOWN` for those of a state that is not declared any more. */
  restore(entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): void {
    const byName = new Map<string, (readonly [key: Uint8Array, value: Uint8Array])[]>();
    for (const entry of entries) {
      const name = nameOf(entry[0]);
      const taken = byName.get(name);
      if (taken === undefined) byName.set(name, [entry]);
      else taken.push(entry);
    }
    for (const [name, taken] of byName) {
      const live = this.#live.get(name);
      if (live === undefined) throw this.#unknown(name, taken.length);
      live.restore(taken);
    }
  }

  /** What each state has for a key. */
  read(key: Key, watermark: number): Record<string, unknown> {
    return Object.fromEntries([...this.#live].map(([name, live]) => [name, live.read(key, watermark)]));
  }

  #unknown(name: string, count: number): StreamError {
    return new StreamError(
      "E_STATE_UNKNOWN",
      `the checkpoint has ${count} entries of state "${name}" of "${this.#operator}", which is not declared any more: declare it again, or give the operator a new name and list the old one in allowDropped`,
      { operator: this.#operator },
    );
  }
}

/** What stands before the keys of a state's entries. The length of the name tells where it ends. */
function prefixOf(name: string): string {
  return `${PREFIX}${name.length}|${name}|`;
}

function nameOf(key: Uint8Array): string {
  const text = decoder.decode(key).slice(PREFIX.length);
  const bar = text.indexOf("|");
  return text.slice(bar + 1, bar + 1 + Number(text.slice(0, bar)));
}
