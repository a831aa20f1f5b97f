import type { Kafka } from "kafkajs";
import { type MakeProtocol, packedFetch } from "./kafkajs-fetch-answers.js";

const FETCH = 1;

/** A connection to a broker, which looks its requests up by what the broker can do. */
interface LookupBroker {
  lookupRequest(apiKey: number, definition: object): MakeProtocol;
}

interface BrokerFinder {
  findBroker(node: object): Promise<LookupBroker>;
}

const packed = new WeakSet<LookupBroker["lookupRequest"]>();

/**
 * Answers to fetches are taken apart by {@link packedFetch} wherever this client fetches: kafkajs makes several objects and buffers for each message,
 * which outlive the young generation together, since it does so for all of an answer at once. That costs more than all else that is done with one.
 */
export function packMessages(kafka: Kafka): void {
  const name = Object.getOwnPropertySymbols(kafka).find(({ description }) => description?.endsWith(":createCluster"));
  const makers = kafka as unknown as Record<symbol, (options: object) => BrokerFinder>;
  const make = makers[name as symbol] as (options: object) => BrokerFinder;
  makers[name as symbol] = (options) => {
    const cluster = make(options);
    const find = cluster.findBroker;
    cluster.findBroker = async (node) => {
      const broker = await find.call(cluster, node);
      packRequests(broker);
      return broker;
    };
    return cluster;
  };
}

/** Anew after each connect, at which the broker is asked what it can do. */
function packRequests(broker: LookupBroker): void {
  const lookup = broker.lookupRequest;
  if (packed.has(lookup)) return;
  broker.lookupRequest = (apiKey, definition) => {
    const make = lookup(apiKey, definition);
    return apiKey === FETCH ? packedFetch(make) : make;
  };
  packed.add(broker.lookupRequest);
}
