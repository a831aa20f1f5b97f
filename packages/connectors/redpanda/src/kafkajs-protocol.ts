/** A request of kafkajs's, and how its answer is read. */
export interface RawProtocol {
  readonly request: { readonly apiVersion: number; encode(): Promise<object> };
  readonly response: { decode(answer: Buffer): Promise<object>; parse(data: object): Promise<object> };
}

/** A request of some version of what it is given. */
export type MakeProtocol = (request: object) => RawProtocol;
