/** How far one source partition is. */
export interface PartitionTime {
  readonly id: string;
  /** Its own watermark: no more values with a time up to this are expected from it. Never falls. */
  watermark: number;
  /** Counts in the minimum: assigned and not ended. */
  member: boolean;
  /** Left the minimum because nothing comes from it. */
  idle: boolean;
  /** Read to its end for now; it is idle from this time of the clock on. +Infinity: it has more. */
  idleAt: number;
}

/**
 * The watermarks of a source's partitions, merged by minimum over those that are not idle. The merged watermark never falls: where the
 * partition that was behind has gone idle it rises without it, and a returning partition does not pull it back.
 */
export class PartitionWatermarks {
  readonly #idleTimeoutMs: number;
  readonly #partitions = new Map<string, PartitionTime>();
  #time = Number.NEGATIVE_INFINITY;
  #idle = false;
  /** The minimum when it was last taken; NaN: who counts has changed since then. */
  #lowest = Number.NaN;

  /** +Infinity: partitions never become idle by themselves. */
  constructor(idleTimeoutMs: number) {
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** The merged watermark. */
  get time(): number {
    return this.#time;
  }

  /** All partitions there are are idle: the watermark stands, and holds nobody back. */
  get idle(): boolean {
    return this.#idle;
  }

  /** When the next partition becomes idle, +Infinity where none is about to. */
  get nextIdleAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { member, idle, idleAt } of this.#partitions.values())
      if (member && !idle && idleAt < next) next = idleAt;
    return next;
  }

  /** Every partition was read to its end for now. */
  get silent(): boolean {
    let members = 0;
    for (const { member, idleAt } of this.#partitions.values()) {
      if (!member) continue;
      if (idleAt === Number.POSITIVE_INFINITY) return false;
      members++;
    }
    return members > 0;
  }

  partitions(): Iterable<PartitionTime> {
    return this.#partitions.values();
  }

  /** The partition in the minimum whose watermark is the lowest. */
  slowest(): PartitionTime | undefined {
    let slowest: PartitionTime | undefined;
    for (const partition of this.#partitions.values())
      if (counts(partition) && (slowest === undefined || partition.watermark < slowest.watermark)) slowest = partition;
    return slowest;
  }

  /** A partition to read: it counts from now on, at −∞ until it has a value. */
  assigned(id: string): PartitionTime {
    const partition = this.#partition(id);
    if (!partition.member) this.#lowest = Number.NaN;
    partition.member = true;
    return partition;
  }

  /** A value came: the partition is not idle. */
  active(id: string): PartitionTime {
    const partition = this.#partition(id);
    if (!counts(partition)) this.#lowest = Number.NaN;
    partition.member = true;
    partition.idle = false;
    partition.idleAt = Number.POSITIVE_INFINITY;
    return partition;
  }

  /** Nothing more is there for now; said again before a value comes, it changes nothing. */
  caughtUp(id: string, now: number): void {
    const partition = this.assigned(id);
    if (partition.idleAt === Number.POSITIVE_INFINITY) partition.idleAt = now + this.#idleTimeoutMs;
  }

  /** The partition is over, or no longer ours. Should it come back, it goes on where it was. */
  ended(id: string): void {
    const partition = this.#partition(id);
    partition.member = false;
    partition.idle = false;
    partition.idleAt = Number.POSITIVE_INFINITY;
  }

  /** Takes the partitions that are idle by now out of the minimum, and returns them. */
  expire(now: number): PartitionTime[] {
    const expired: PartitionTime[] = [];
    for (const partition of this.#partitions.values()) {
      if (!partition.member || partition.idle || partition.idleAt > now) continue;
      partition.idle = true;
      expired.push(partition);
    }
    return expired;
  }

  /** A partition's watermark rose from `before`: merges anew where that can change something. True: as combine(). */
  rose(before: number): boolean {
    return before > this.#lowest ? false : this.combine();
  }

  /** Merges anew. True: the watermark rose, or whether all are idle changed. */
  combine(): boolean {
    let lowest = Number.POSITIVE_INFINITY;
    let counted = 0;
    let members = 0;
    for (const partition of this.#partitions.values()) {
      if (partition.member) members++;
      if (!counts(partition)) continue;
      counted++;
      if (partition.watermark < lowest) lowest = partition.watermark;
    }
    this.#lowest = lowest;
    // When all have ended, what windows still hold comes with the end of the input: nobody may go on as if nothing came.
    const idle = members > 0 ? counted === 0 : this.#idle;
    const rose = counted > 0 && this.#raise(lowest);
    if (!rose && idle === this.#idle) return false;
    this.#idle = idle;
    return true;
  }

  /** A partition counts again although all were idle. True: that was so. The watermark does not move. */
  revive(): boolean {
    if (!this.#idle || this.slowest() === undefined) return false;
    this.#idle = false;
    return true;
  }

  /** Moves the merged watermark on without the partitions: time passes although nothing comes, or a checkpoint says so. */
  lift(time: number): boolean {
    return this.#raise(time);
  }

  /** A partition as a checkpoint knew it: it counts once it is assigned again. */
  restore(id: string, watermark: number): void {
    this.#partition(id).watermark = watermark;
  }

  #raise(time: number): boolean {
    if (!(time > this.#time)) return false;
    this.#time = time;
    return true;
  }

  #partition(id: string): PartitionTime {
    let partition = this.#partitions.get(id);
    if (partition === undefined) {
      partition = {
        id,
        watermark: Number.NEGATIVE_INFINITY,
        member: false,
        idle: false,
        idleAt: Number.POSITIVE_INFINITY,
      };
      this.#partitions.set(id, partition);
    }
    return partition;
  }
}

function counts(partition: PartitionTime): boolean {
  return partition.member && !partition.idle;
}
