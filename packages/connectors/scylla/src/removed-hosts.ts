import type { Client, Host } from "cassandra-driver";

/** What the driver does not declare of a host. */
interface Ending {
  shutdown(waitForPending: boolean): Promise<void>;
}

/**
 * When its list of hosts changes, as after a restart, the driver lets the host go that was there before, and forgets it when it shuts
 * down: its timers keep the process alive for ever. Here it is ended too. Not before, since requests may still be on it.
 */
export function endRemovedHosts(client: Client): Client {
  const removed = new Set<Host>();
  client.on("hostRemove", (host: Host) => removed.add(host));
  const shutdown: () => Promise<void> = client.shutdown.bind(client);
  client.shutdown = async (): Promise<void> => {
    await shutdown();
    await Promise.all([...removed].map((host) => (host as unknown as Ending).shutdown(false)));
  };
  return client;
}
