import type { Key } from "../element.js";
import { StreamError } from "../errors.js";
import type { SourceDriver } from "./source-driver.js";

/** A key that is declared to stay in one partition must have come from the one its source puts it in (else E_NOT_PARTITIONED). */
export function checkPartition(
  driver: SourceDriver,
  partitionCount: number,
  operator: string,
  key: Key,
  partition: string,
): void {
  const expected = driver.connection.partitionOf?.(key, partitionCount);
  if (expected === undefined || expected === partition) return;
  throw new StreamError(
    "E_NOT_PARTITIONED",
    `key ${JSON.stringify(String(key))} at "${operator}" is declared partitioned, but it came from partition ${partition} of "${driver.vertex.id}", which puts it in ${expected}: key by what the producer keys by, or leave out partitioned: true`,
    { operator },
  );
}
