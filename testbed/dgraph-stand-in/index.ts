/** A stand-in for Dgraph in tests: its gRPC service over a graph of ours. Not Dgraph. */
export type { CallName, Fault, Faults } from "./faults.js";
export type { LoginRules, Logins } from "./logins.js";
export { type StandIn, type StandInOptions, startStandIn } from "./stand-in.js";
