import cassandra, { type Client, type EmptyCallback, type HostMap } from "cassandra-driver";

const { errors } = cassandra;

/**
 * Takes all hosts in turns where there is one datacenter, so that nobody must name it. With several it refuses: which is local can not
 * be guessed, and a write to a far one is slow for ever.
 */
export class OneDatacenterPolicy extends cassandra.policies.loadBalancing.RoundRobinPolicy {
  override init(client: Client, hosts: HostMap, callback: EmptyCallback): void {
    const names = [...new Set(hosts.values().map(({ datacenter }) => datacenter))].sort();
    if (names.length > 1) {
      callback(
        new errors.ArgumentError(`say which datacenter is local (localDataCenter): there are ${names.join(", ")}`),
      );
      return;
    }
    super.init(client, hosts, callback);
  }
}
