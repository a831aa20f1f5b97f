import type { EventEmitter } from "node:events";
import { createRequire } from "node:module";

/** What is patched of a connection of the driver. Its version is pinned: what is not in its types is used here, and only here. */
interface DriverConnection extends EventEmitter {
  readonly closed: boolean;
  /** What it was closed by. */
  readonly error: Error | null;
  writeCommand(...args: unknown[]): Promise<void>;
}

let settled = false;

/**
 * Makes the driver tell of each command whose connection is gone. It sends by `socket.write()` and, where that says false, waits for "drain" or "error": a socket that was
 * closed since it looked last says false and never either, and so does one that was given up for its silence with bytes still to send. Such a command had no answer, no
 * failure and no timeout for ever; where it was the one that watches the server, no server was found again.
 */
export function settleWrites(): void {
  if (settled) return;
  settled = true;
  const prototype = connectionPrototype();
  if (prototype === undefined) return;
  const write = prototype.writeCommand;
  prototype.writeCommand = async function (this: DriverConnection, ...args) {
    if (this.closed) throw this.error;
    let tell = (): void => {};
    const gone = new Promise<never>((_, reject) => {
      tell = () => reject(this.error);
    });
    this.once("close", tell);
    try {
      await Promise.race([write.apply(this, args), gone]);
    } finally {
      this.off("close", tell);
    }
  };
}

/** Undefined in a bundle, in which the driver's files are no longer. */
function connectionPrototype(): DriverConnection | undefined {
  try {
    const { Connection } = createRequire(import.meta.url)("mongodb/lib/cmap/connection.js") as {
      readonly Connection: { readonly prototype: DriverConnection };
    };
    return Connection.prototype;
  } catch {
    return undefined;
  }
}
