import type { Client } from "cassandra-driver";

/** The connection by which the driver learns of hosts, which it does not declare. */
interface ControlConnection {
  _refresh(hosts?: unknown): Promise<void>;
  readonly _isShuttingDown: boolean;
}

const AGAIN_MS = 500;

/**
 * The driver looks for its hosts again by promises that nobody waits for. Several of them meet when a host is down; then one reads a
 * connection that another has let go, rejects, and the process ends by it, or the listeners of all of them pile up. Here one looks at a
 * time, and begins again where it failed.
 */
export function steadyControl(client: Client): Client {
  const control = (client as unknown as { readonly controlConnection?: ControlConnection }).controlConnection;
  if (typeof control?._refresh !== "function") return client;
  const refresh = control._refresh.bind(control);
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    try {
      await refresh();
    } catch {
      if (!control._isShuttingDown) setTimeout(() => void control._refresh(), AGAIN_MS).unref();
    } finally {
      looking = undefined;
    }
  };
  control._refresh = (hosts) => {
    // With hosts it is a look's own next try.
    if (hosts !== undefined) return refresh(hosts);
    looking ??= look();
    return looking;
  };
  return client;
}
