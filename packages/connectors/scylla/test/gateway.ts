import { connect, createServer, type Server, type Socket } from "node:net";

/** Stands in front of a server and can be away, while the server itself goes on. */
export class Gateway {
  readonly #host: string;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #own = 0;
  #server: Server | undefined;

  private constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  static async to(point: string): Promise<Gateway> {
    const [host = "", port = ""] = point.split(":");
    const gateway = new Gateway(host, Number(port));
    await gateway.up();
    return gateway;
  }

  get point(): string {
    return `127.0.0.1:${this.#own}`;
  }

  up(): Promise<void> {
    const server = createServer((socket) => {
      const target = connect(this.#port, this.#host);
      this.#sockets.add(socket);
      for (const each of [socket, target]) each.on("error", () => {});
      socket.pipe(target).pipe(socket);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        target.destroy();
      });
    });
    this.#server = server;
    return new Promise((resolve) => {
      server.listen(this.#own, "127.0.0.1", () => {
        this.#own = (server.address() as { readonly port: number }).port;
        resolve();
      });
    });
  }

  down(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve();
      else this.#server.close(() => resolve());
    });
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }
}
