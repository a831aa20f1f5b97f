import { type Duration, durationMs, type Lookup, type RuntimeContext, WriteError } from "@millrace/core";
import {
  type ConditionalWrite,
  type Row,
  type ScyllaConditional,
  type ScyllaConnection,
  scyllaConditional,
  scyllaPartitionLookup,
} from "@millrace/scylla";
import type { Application, RuleApplications, RuleClaim } from "../decide/rule-limits.js";
import type { RuleState } from "../ports/rule-state.js";
import { RULE_STATE } from "./scylla-tables.js";

/** How often rows may turn out to be held by the event itself while a claim is put together. */
const MAX_ROUNDS = 4;

/** The rule state in ScyllaDB: all claims of an event are one conditional (LWT) batch in the partition of its citizen. */
export class ScyllaRuleState implements RuleState {
  readonly #rows: Lookup<string, readonly Row[]>;
  readonly #table: ScyllaConditional;
  readonly #slackMs: number;

  private constructor(rows: Lookup<string, readonly Row[]>, table: ScyllaConditional, slackMs: number) {
    this.#rows = rows;
    this.#table = table;
    this.#slackMs = slackMs;
  }

  /**
   * Rows expire by the server's clock, limits are meant by event time: `slack` is how far the pipeline may be behind before a cooldown
   * is forgotten too early.
   */
  static async open(
    connection: ScyllaConnection,
    keyspace: string,
    slack: Duration,
    context: RuntimeContext,
  ): Promise<ScyllaRuleState> {
    const rows = scyllaPartitionLookup<string>({ ...connection, keyspace, table: RULE_STATE });
    await rows.connect?.(context);
    try {
      const table = await scyllaConditional({
        ...connection,
        keyspace,
        table: RULE_STATE,
        eventColumn: "last_event_id",
      });
      return new ScyllaRuleState(rows, table, durationMs(slack, "ruleStateSlack"));
    } catch (error) {
      await rows.close?.();
      throw error;
    }
  }

  async read(citizenID: string, ruleIDs: readonly string[]): Promise<ReadonlyMap<string, RuleApplications>> {
    const call = { signal: NEVER, attempt: 1 };
    const rows = (await this.#rows.fetch([citizenID], call)).get(citizenID) ?? [];
    const wanted = new Set(ruleIDs);
    const found = new Map<string, RuleApplications>();
    for (const row of rows) if (wanted.has(String(row.rule_id))) found.set(String(row.rule_id), applicationsOf(row));
    return found;
  }

  async claim(citizenID: string, eventID: string, claims: readonly RuleClaim[]): Promise<"claimed" | "refused"> {
    let held = new Map(claims.map(({ ruleID, seen }) => [ruleID, seen]));
    for (let round = 0; round < MAX_ROUNDS; round++) {
      // An earlier try of this event claimed them all: they hold, unless somebody came in between.
      if (claims.every(({ ruleID }) => held.get(ruleID) === eventID)) {
        const rows = await Promise.all(
          claims.map(({ ruleID }) => this.#table.read({ citizen_id: citizenID, rule_id: ruleID })),
        );
        return rows.every((row) => row?.last_event_id === eventID) ? "claimed" : "refused";
      }
      const writes = claims.map((claim) => this.#write(citizenID, claim, held.get(claim.ruleID)));
      const result = await this.#table.batch(writes, { event: eventID });
      if (result.applied) return "claimed";
      const now = claims.map((claim, i) => [claim, result.rows[i]?.last_event_id as string | undefined] as const);
      if (now.some(([{ seen }, holder]) => holder !== seen && holder !== eventID)) return "refused";
      held = new Map(now.map(([{ ruleID }, holder]) => [ruleID, holder]));
    }
    throw new WriteError(
      "conflict",
      "E_SCORING_CONTENDED",
      `rules of citizen ${citizenID} change too fast to be claimed`,
    );
  }

  async close(): Promise<void> {
    await this.#rows.close?.();
    await this.#table.close();
  }

  #write(citizenID: string, { ruleID, next, keepMs }: RuleClaim, seen: string | undefined): ConditionalWrite {
    const key = { citizen_id: citizenID, rule_id: ruleID };
    const applications = JSON.stringify(next.applications);
    const ttl: Duration = `${Math.ceil((keepMs + this.#slackMs) / 1_000)}s`;
    return seen === undefined
      ? { insert: { ...key, applications }, ttl }
      : { key, set: { applications }, if: { last_event_id: seen }, ttl };
  }
}

const NEVER = new AbortController().signal;

function applicationsOf(row: Row): RuleApplications {
  return {
    lastEventID: String(row.last_event_id),
    applications: JSON.parse(String(row.applications)) as Application[],
  };
}
