import { afterAll } from "vitest";
import { type StandIn, startStandIn } from "../../../../testbed/dgraph-stand-in/index.js";

/** What the tests run against: real Dgraph where DGRAPH_URL is set, else our stand-in, which is not Dgraph. */
export interface Target {
  readonly url: string;
  /** Faults can only be made where the server is ours. */
  readonly standIn: StandIn | undefined;
}

const real = process.env.DGRAPH_URL;
const standIn = real === undefined || real === "" ? await startStandIn() : undefined;

export const target: Target = { url: standIn?.address ?? (real as string), standIn };

afterAll(async () => {
  await standIn?.stop();
});
