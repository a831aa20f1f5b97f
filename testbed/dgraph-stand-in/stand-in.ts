import {
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import services from "dgraph-js/generated/api_grpc_pb.js";
import messages from "dgraph-js/generated/api_pb.js";
import { type CallName, Faults, underFault } from "./faults.js";
import { GraphDatabase, type MutationText } from "./graph-database.js";
import { parseJsonMutation } from "./json-mutation.js";
import { type LoginRules, Logins } from "./logins.js";
import { parseNQuads } from "./n-quad-parser.js";
import { Refusal } from "./refusal.js";

/** Options of {@link startStandIn}. */
export interface StandInOptions extends LoginRules {
  /** On 127.0.0.1; 0 takes a free one. */
  readonly port?: number;
  /** Where what was acknowledged outlives the process; without it nothing does. */
  readonly file?: string;
  readonly credentials?: ServerCredentials;
  /** The largest request that is taken (64 MB). */
  readonly maxRequestBytes?: number;
}

/** A running stand-in, and what tests do to it. */
export interface StandIn {
  readonly address: string;
  readonly faults: Faults;
  readonly logins: Logins;
  readonly database: GraphDatabase;

  stop(): Promise<void>;
}

/**
 * A STAND-IN, NOT DGRAPH: Dgraph's gRPC service (the definition that dgraph-js brings) over a graph in memory, which does what the connector's requests ask: transactions
 * with read timestamps and conflicts, upsert blocks, N-Quads, queries. What it does like Dgraph is from Dgraph's documentation, not from running it.
 */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const {
    port = 0,
    file,
    credentials = ServerCredentials.createInsecure(),
    maxRequestBytes = 64 * 1024 * 1024,
  } = options;
  const database = new GraphDatabase(file);
  const faults = new Faults();
  const logins = new Logins(options);
  const server = new Server({ "grpc.max_receive_message_length": maxRequestBytes, "grpc.max_send_message_length": -1 });
  server.addService(DEFINITION as never, handlers(database, faults, logins) as never);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, number) =>
      error === null ? resolve(number) : reject(error),
    );
  });
  return {
    address: `127.0.0.1:${bound}`,
    faults,
    logins,
    database,
    stop: async () => {
      server.forceShutdown();
      database.close();
    },
  };
}

/** Its declarations leave the service out. */
const DEFINITION = (services as unknown as { readonly DgraphService: object }).DgraphService;

type Handler = handleUnaryCall<never, unknown>;

function handlers(database: GraphDatabase, faults: Faults, logins: Logins): Record<string, Handler> {
  /** Makes a call of work: faults, logins and refusals around it. */
  const handle =
    <Q, A>(name: (request: Q) => CallName, open: boolean, work: (request: Q) => Promise<A>): Handler =>
    (call, answer) => {
      const request = call.request as Q;
      const callName = name(request);
      const fault = faults.take(callName);
      underFault(fault, async () => {
        if (!open) logins.check(call.metadata as Metadata, callName === "alter");
        const done = await work(request);
        if (fault?.kind === "answer") (done as { setJson(json: Uint8Array): void }).setJson(Buffer.from(fault.json));
        return done;
      }).then(
        (done) => answer(null, done),
        (error: unknown) => answer(serviceError(error)),
      );
    };
  return {
    login: handle(
      () => "login",
      true,
      async (request: messages.LoginRequest) => login(logins, request),
    ),
    checkVersion: handle(
      () => "checkVersion",
      true,
      async () => version(),
    ),
    query: handle(
      (request: messages.Request) => (request.getMutationsList().length > 0 ? "mutate" : "query"),
      false,
      (request) => query(database, logins, request),
    ),
    alter: handle(
      () => "alter",
      false,
      async (operation: messages.Operation) => {
        if (operation.getDropAll()) await database.dropAll();
        else await database.alter(operation.getSchema());
        return new messages.Payload();
      },
    ),
    commitOrAbort: handle(
      () => "commitOrAbort",
      false,
      (context: messages.TxnContext) => commit(database, context),
    ),
  };
}

function login(logins: Logins, request: messages.LoginRequest): messages.Response {
  const { access, refresh } = logins.login(request.getUserid(), request.getPassword(), request.getRefreshToken());
  const jwt = new messages.Jwt();
  jwt.setAccessJwt(access);
  jwt.setRefreshJwt(refresh);
  const response = new messages.Response();
  response.setJson(jwt.serializeBinary());
  return response;
}

function version(): messages.Version {
  const answer = new messages.Version();
  answer.setTag("stand-in, not Dgraph");
  return answer;
}

async function query(database: GraphDatabase, logins: Logins, request: messages.Request): Promise<messages.Response> {
  const startTs = request.getStartTs();
  if (startTs !== 0) logins.checkHash(startTs, request.getHash());
  const vars = new Map<string, string>(request.getVarsMap().entries() as Iterable<[string, string]>);
  const mutations = (request.getMutationsList() as messages.Mutation[]).map(mutationText);
  const response = new messages.Response();
  const context = new messages.TxnContext();
  response.setTxn(context);
  if (mutations.length === 0) {
    const ts = startTs === 0 ? database.oracle.next() : startTs;
    stamp(context, logins, ts);
    response.setJson(Buffer.from(database.query(request.getQuery(), vars, ts)));
    return response;
  }
  if (request.getReadOnly()) throw new Refusal("Readonly transaction cannot run mutations");
  const pending = startTs === 0 ? database.oracle.begin() : database.oracle.require(startTs);
  const before = new Set(pending.keys);
  try {
    const { json, made } = database.upsert(pending, request.getQuery(), vars, mutations);
    stamp(context, logins, pending.startTs);
    // Those of this request: a client puts together what it is told in each.
    context.setKeysList([...pending.keys].filter((key) => !before.has(key)));
    context.setPredsList([...pending.own.keys()]);
    for (const [name, uid] of made) response.getUidsMap().set(name, `0x${uid.toString(16)}`);
    response.setJson(Buffer.from(json));
  } catch (error) {
    database.oracle.discard(pending.startTs);
    throw error;
  }
  if (request.getCommitNow()) context.setCommitTs(await database.commit(pending.startTs, [...pending.keys]));
  return response;
}

function stamp(context: messages.TxnContext, logins: Logins, ts: number): void {
  context.setStartTs(ts);
  context.setHash(logins.hash(ts));
}

async function commit(database: GraphDatabase, context: messages.TxnContext): Promise<messages.TxnContext> {
  const answer = new messages.TxnContext();
  answer.setStartTs(context.getStartTs());
  if (context.getAborted()) {
    database.oracle.discard(context.getStartTs());
    answer.setAborted(true);
    return answer;
  }
  answer.setCommitTs(await database.commit(context.getStartTs(), context.getKeysList()));
  return answer;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function mutationText(mutation: messages.Mutation): MutationText {
  const text = (bytes: Uint8Array): string => {
    try {
      return utf8.decode(bytes);
    } catch {
      throw new Refusal("the mutation is not valid UTF-8");
    }
  };
  const json = (bytes: Uint8Array, deletes: boolean): MutationText["sets"] =>
    bytes.length === 0 ? [] : parseJsonMutation(text(bytes), deletes);
  return {
    condition: mutation.getCond(),
    deletes: [...parseNQuads(text(mutation.getDelNquads_asU8())), ...json(mutation.getDeleteJson_asU8(), true)],
    sets: [...parseNQuads(text(mutation.getSetNquads_asU8())), ...json(mutation.getSetJson_asU8(), false)],
  };
}

function serviceError(error: unknown): Partial<ServiceError> {
  if (error instanceof Refusal) return { code: error.code, details: error.message };
  return { code: status.INTERNAL, details: `the stand-in has a bug: ${error instanceof Error ? error.stack : error}` };
}
