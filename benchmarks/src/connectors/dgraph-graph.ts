import { credentials } from "@grpc/grpc-js";
import { ensureSchema } from "@millrace/dgraph";
import dgraph, { type DgraphClient, type DgraphClientStub } from "dgraph-js";
import type { BenchEvent } from "./bench-event.js";
import { fromEnvironment } from "./connector-bench.js";

export const DGRAPH_BATCH = 200;

export function dgraphUrl(): string {
  return fromEnvironment("DGRAPH_STAND_IN_URL");
}

export async function withGraph<T>(work: (client: DgraphClient, stub: DgraphClientStub) => Promise<T>): Promise<T> {
  const stub = new dgraph.DgraphClientStub(dgraphUrl(), credentials.createInsecure(), {
    "grpc.max_receive_message_length": 64 * 1024 * 1024,
  });
  try {
    return await work(new dgraph.DgraphClient(stub), stub);
  } finally {
    stub.close();
  }
}

/** Nodes of a place have a type and ids of their own. */
export async function createGraph(place: string): Promise<void> {
  await ensureSchema(
    { url: dgraphUrl() },
    {
      predicates: {
        benchID: { type: "string", index: ["exact"], upsert: true },
        benchKind: { type: "string" },
        benchAmount: { type: "int" },
        benchCitizen: { type: "uid" },
      },
      types: { [place]: ["benchID", "benchKind", "benchAmount", "benchCitizen"] },
    },
  );
}

export async function dropGraph(): Promise<void> {
  await withGraph(async (client) => {
    const operation = new dgraph.Operation();
    operation.setDropAll(true);
    await client.alter(operation);
  });
}

/** An event's node, and the citizen's that it points to. */
export function nodeID(place: string, id: string): string {
  return `${place}/${id}`;
}

/** Asks for a node by its id once, and gives the number of its variable. */
class Block {
  readonly #numbers = new Map<string, number>();
  readonly #declared: string[] = [];
  readonly #queries: string[] = [];
  readonly vars: [string, string][] = [];

  find(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(id, number);
    this.#declared.push(`$x${number}: string`);
    this.vars.push([`$x${number}`, id]);
    this.#queries.push(`u${number} as var(func: eq(benchID, $x${number}))`);
    return number;
  }

  get query(): string {
    return `query q(${this.#declared.join(", ")}) {\n${this.#queries.join("\n")}\n}`;
  }
}

/** By hand what the sink sends for these values: an upsert block and its N-Quads. */
export function upsertByHand(place: string, values: readonly BenchEvent[]): InstanceType<typeof dgraph.Request> {
  const block = new Block();
  const lines = new Set<string>();
  for (const { id, citizenID, kind, amount } of values) {
    const eventID = nodeID(place, id);
    const event = block.find(eventID);
    const holder = nodeID(place, citizenID);
    const citizen = block.find(holder);
    lines.add(`uid(u${event}) <benchID> "${eventID}"^^<xs:string> .`);
    lines.add(`uid(u${event}) <dgraph.type> "${place}"^^<xs:string> .`);
    lines.add(`uid(u${event}) <benchKind> "${kind}"^^<xs:string> .`);
    lines.add(`uid(u${event}) <benchAmount> "${amount}"^^<xs:int> .`);
    lines.add(`uid(u${event}) <benchCitizen> uid(u${citizen}) .`);
    lines.add(`uid(u${citizen}) <benchID> "${holder}"^^<xs:string> .`);
    lines.add(`uid(u${citizen}) <dgraph.type> "${place}"^^<xs:string> .`);
  }
  const mutation = new dgraph.Mutation();
  mutation.setSetNquads(Buffer.from([...lines].join("\n")));
  return requestOf(block, mutation);
}

/** The same as JSON, as the client's own examples have it. */
export function upsertAsJson(place: string, values: readonly BenchEvent[]): InstanceType<typeof dgraph.Request> {
  const block = new Block();
  const nodes = values.map(({ id, citizenID, kind, amount }) => {
    const holder = nodeID(place, citizenID);
    return {
      uid: `uid(u${block.find(nodeID(place, id))})`,
      benchID: nodeID(place, id),
      "dgraph.type": place,
      benchKind: kind,
      benchAmount: amount,
      benchCitizen: { uid: `uid(u${block.find(holder)})`, benchID: holder, "dgraph.type": place },
    };
  });
  const mutation = new dgraph.Mutation();
  mutation.setSetJson(nodes);
  return requestOf(block, mutation);
}

function requestOf(block: Block, mutation: InstanceType<typeof dgraph.Mutation>): InstanceType<typeof dgraph.Request> {
  const request = new dgraph.Request();
  request.setQuery(block.query);
  for (const [name, value] of block.vars) request.getVarsMap().set(name, value);
  request.setMutationsList([mutation]);
  return request;
}

/** What a node of an event answers. */
export interface EventNode {
  readonly uid: string;
  readonly benchID: string;
  readonly benchKind?: string;
  readonly benchAmount?: number;
  readonly benchCitizen?: { readonly benchID: string };
}

export const SELECTION = "uid benchID benchKind benchAmount benchCitizen { benchID }";
/** As the source's default. */
export const PAGE_SIZE = 500;

/** All nodes of a type, in the order of their uids, at one timestamp: the loop that the source is compared with. */
export function readGraph(place: string, each: (node: EventNode) => void): Promise<void> {
  return withGraph(async (client) => {
    const transaction = client.newTxn({ readOnly: true });
    let after = "0x0";
    for (;;) {
      const answer = await transaction.query(
        `{ scan(func: type(<${place}>), first: ${PAGE_SIZE}, after: ${after}) { ${SELECTION} } }`,
      );
      const { scan } = JSON.parse(Buffer.from(answer.getJson_asU8()).toString()) as { readonly scan: EventNode[] };
      for (const node of scan) each(node);
      if (scan.length < PAGE_SIZE) return;
      after = scan.at(-1)?.uid ?? after;
    }
  });
}
