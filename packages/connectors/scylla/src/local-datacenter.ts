import cassandra, { type Client, type EmptyCallback, type HostMap } from "cassandra-driver";

/** Which datacenter is local is wrong, or not said. */
export class DatacenterError extends cassandra.errors.ArgumentError {}

/**
 * Takes the hosts of one datacenter in turns. The only one is taken without a name; with several it refuses, because which is local can not
 * be guessed, and a write to a far one is slow for ever. The driver's own check of the name leaves its connection open when it fails.
 */
export class LocalDatacenterPolicy extends cassandra.policies.loadBalancing.DCAwareRoundRobinPolicy {
  readonly #given: string | undefined;

  constructor(given: string | undefined) {
    super(given ?? "");
    this.#given = given;
  }

  override init(client: Client, hosts: HostMap, callback: EmptyCallback): void {
    const names = [...new Set(hosts.values().map(({ datacenter }) => datacenter))].sort();
    const local = this.#given ?? (names.length === 1 ? names[0] : undefined);
    if (local === undefined) {
      callback(new DatacenterError(`say which one is local: there are ${names.join(", ")}`));
      return;
    }
    if (!names.includes(local)) {
      callback(new DatacenterError(`there is no datacenter "${local}", but ${names.join(", ")}`));
      return;
    }
    (this as unknown as { localDc: string }).localDc = local;
    super.init(client, hosts, callback);
  }
}
