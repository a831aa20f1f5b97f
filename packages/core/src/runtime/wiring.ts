import type { Edge } from "../graph/graph.js";
import { Channel, type ChannelLimits } from "./channel.js";
import type { Plan } from "./plan.js";
import type { Actor } from "./scheduler.js";

/** The channels of a task, by the edges they stand for. */
export class Wiring {
  readonly #channels: ReadonlyMap<Edge, Channel>;
  readonly #ready: (actor: Actor) => void;

  constructor(plan: Plan, limits: ChannelLimits, ready: (actor: Actor) => void) {
    this.#channels = new Map(plan.channels.map((edge) => [edge, new Channel(edge.from, edge.to, limits)]));
    this.#ready = ready;
  }

  get channels(): Iterable<Channel> {
    return this.#channels.values();
  }

  /** Into a vertex, by input number. */
  inputs(id: string): Channel[] {
    return [...this.#channels]
      .filter(([edge]) => edge.to === id)
      .sort(([left], [right]) => left.input - right.input)
      .map(([, channel]) => channel);
  }

  /** Out of a vertex, by output number. */
  routes(id: string): Map<number, Channel[]> {
    const routes = new Map<number, Channel[]>();
    for (const [edge, channel] of this.#channels)
      if (edge.from === id) routes.set(edge.output, [...(routes.get(edge.output) ?? []), channel]);
    return routes;
  }

  /** An actor has its turn when something comes in. */
  wakeOnInput(actor: Actor, id: string): void {
    for (const channel of this.inputs(id)) channel.wakeConsumer = () => this.#ready(actor);
  }
}
