/** Requests and handles of a process that reach outside of it. Real timers are not among them: a test runner has some of its own. */
const OUTSIDE: ReadonlySet<string> = new Set([
  "FSReqPromise",
  "FSReqCallback",
  "FSEvent",
  "StatWatcher",
  "GetAddrInfoReqWrap",
  "GetNameInfoReqWrap",
  "QueryReqWrap",
  "TCPSocketWrap",
  "TCPServerWrap",
  "TCPConnectWrap",
  "PipeConnectWrap",
  "UDPWrap",
  "TLSWrap",
  "HTTPClientRequest",
  "ProcessWrap",
  "Worker",
  "MessagePort",
  "RandomBytesRequest",
  "PBKDF2Request",
  "ScryptRequest",
  "SignRequest",
  "Zlib",
  "ZlibContext",
]);

/** Sees work outside of the process that was begun since it was made: what a simulation must not have. */
export class RealIo {
  readonly #before: ReadonlyMap<string, number> = countOutside();
  #seen: string | undefined;

  /** The kind of the first such work that was under way at a look. */
  get seen(): string | undefined {
    return this.#seen;
  }

  look(): void {
    if (this.#seen !== undefined) return;
    for (const [kind, count] of countOutside()) if (count > (this.#before.get(kind) ?? 0)) this.#seen = kind;
  }
}

function countOutside(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (OUTSIDE.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
