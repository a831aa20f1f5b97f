import type { Origin } from "@millrace/core";
import { subMillisecond } from "./line-protocol.js";

/**
 * {@link subMillisecond} of origins and their offsets. Values of one partition come one after another and differ in the offset alone, so what is made of the
 * rest is kept.
 */
export class TimeSpread {
  #source = "";
  #partition = "";
  #index = "";
  #place = -1;
  #base = 0;

  within({ source, partition, index }: Origin, sequence: number | bigint, place: number): number {
    if (place !== this.#place || index !== this.#index || partition !== this.#partition || source !== this.#source) {
      this.#source = source;
      this.#partition = partition;
      this.#index = index;
      this.#place = place;
      this.#base = subMillisecond(`${source}/${partition}/${index}#${place}`);
    }
    const own = typeof sequence === "number" ? sequence % NS_PER_MS : Number(sequence % BigInt(NS_PER_MS));
    return (this.#base + own) % NS_PER_MS;
  }
}

const NS_PER_MS = 1_000_000;
