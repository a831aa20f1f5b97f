import { requireArgument } from "@millrace/core";

/** How many replicas must have answered. `ANY` is for writes only. */
export type Consistency =
  | "ANY"
  | "ONE"
  | "TWO"
  | "THREE"
  | "QUORUM"
  | "ALL"
  | "LOCAL_QUORUM"
  | "EACH_QUORUM"
  | "LOCAL_ONE";

/** Over which replicas a conditional write is agreed: of all datacenters, or of the local one. */
export type SerialConsistency = "SERIAL" | "LOCAL_SERIAL";

const LEVELS: Readonly<Record<Consistency, number>> = {
  ANY: 0x00,
  ONE: 0x01,
  TWO: 0x02,
  THREE: 0x03,
  QUORUM: 0x04,
  ALL: 0x05,
  LOCAL_QUORUM: 0x06,
  EACH_QUORUM: 0x07,
  LOCAL_ONE: 0x0a,
};

const SERIAL_LEVELS: Readonly<Record<SerialConsistency, number>> = { SERIAL: 0x08, LOCAL_SERIAL: 0x09 };

/** The protocol's number. Throws `E_ARGUMENT`. */
export function consistencyOf(name: Consistency, what: string): number {
  requireArgument(
    Object.hasOwn(LEVELS, name),
    `${what}: consistency must be one of ${Object.keys(LEVELS).join(", ")}; it is ${JSON.stringify(name)}`,
  );
  return LEVELS[name];
}

/** The protocol's number. Throws `E_ARGUMENT`. */
export function serialConsistencyOf(name: SerialConsistency, what: string): number {
  requireArgument(
    Object.hasOwn(SERIAL_LEVELS, name),
    `${what}: serialConsistency must be SERIAL or LOCAL_SERIAL; it is ${JSON.stringify(name)}`,
  );
  return SERIAL_LEVELS[name];
}
