import { status } from "@grpc/grpc-js";

/** An error that goes to the client, with its gRPC code. Most of Dgraph's own are plain Go errors: UNKNOWN. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: number;

  constructor(message: string, code: number = status.UNKNOWN) {
    super(message);
    this.code = code;
  }
}
