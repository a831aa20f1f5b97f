import { createServer, request as forward, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Hands requests on to a server, writes of points only when `go` is called. */
export class StalledServer {
  readonly #server: Server;
  #go: () => void = () => {};
  readonly #going = new Promise<void>((resolve) => {
    this.#go = resolve;
  });

  constructor(target: string) {
    this.#server = createServer(async (incoming, answer) => {
      if (incoming.url?.includes("/write") && incoming.headers["content-length"] !== "0") await this.#going;
      const { method = "GET", url: path, headers } = incoming;
      const out = forward(new URL(path ?? "/", target), { method, headers }, (response) => {
        answer.writeHead(response.statusCode ?? 500, response.headers);
        response.pipe(answer);
      });
      out.on("error", () => answer.destroy());
      incoming.pipe(out);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  go(): void {
    this.#go();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
