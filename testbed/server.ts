/** A server the testbed can build and run. Everything it listens on is on 127.0.0.1. */
export interface Server {
  /** As given on the command line: `kafka`, `kafka-2`, `cassandra`. */
  readonly name: string;
  /** The product it stands in for. */
  readonly product: string;
  /** Seconds a first build takes, for the progress line. */
  readonly buildSeconds: number;
  /** Brings what it needs into the cache; does nothing when it is there. Throws an Error whose message says why it can not be had. */
  build(progress: (line: string) => void): Promise<void>;
  /** Makes its configuration and data directory, and says how to start it. */
  prepare(dataDir: string): Promise<Launch>;
  /** True when it answers. */
  ready(logFile: string): Promise<boolean>;
  readonly readySeconds: number;
  /** What tests need to know to connect. */
  env(): Readonly<Record<string, string>>;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Run once the server answers, on every start: users, buckets. Idempotent. */
  readonly afterReady?: () => Promise<void>;
}
