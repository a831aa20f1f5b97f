import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { from } from "@millrace/core";
import { expect, it, onTestFinished } from "vitest";
import { startStandIn } from "../../../../testbed/dgraph-stand-in/index.js";
import { dgraphLookup, dgraphQueries, dgraphSink, dgraphSource, ensureSchema } from "../src/index.js";

it("every channel that we make is closed, whatever way its part ends", async () => {
  const standIn = await startStandIn({ users: { groot: "right" } });
  onTestFinished(() => standIn.stop());
  const open = new Set<Socket>();
  let opened = 0;
  // gRPC lets a process end that has idle channels, so they are counted from outside.
  const proxy = createServer((socket) => {
    opened++;
    open.add(socket);
    const [host, port] = standIn.address.split(":");
    const onward = connect(Number(port), host);
    socket.pipe(onward).pipe(socket);
    for (const each of [socket, onward])
      each
        .on("error", () => {})
        .on("close", () => {
          open.delete(socket);
          socket.destroy();
          onward.destroy();
        });
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => void proxy.close());
  const login = { url: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, user: "groot", password: "right" };
  const wrong = { ...login, password: "wrong" };
  await ensureSchema(login, {
    predicates: { id: { type: "string", index: ["exact"], upsert: true }, n: { type: "int" } },
  });
  const write = (id: string) => ({ kind: "set", id }) as const;
  const scan = { nodes: { has: "id" }, select: ["id"], decode: () => 1 };
  const lookedUp = (by: string, connection = login): Promise<unknown> =>
    from(["a"])
      .lookup(
        (id) => id,
        dgraphLookup({ ...connection, by, select: [] }),
        (id) => id,
      )
      .collect();
  const parts: Record<string, () => Promise<unknown>> = {
    sink: () =>
      from(["a"])
        .to(dgraphSink({ ...login, xid: "id", write }))
        .run(),
    source: () => from(dgraphSource({ ...login, ...scan })).collect(),
    lookup: () => lookedUp("id"),
    queries: async () => (await dgraphQueries(login)).close(),
    "sink, wrong schema": () =>
      from(["a"])
        .to(dgraphSink({ ...login, xid: "n", write }))
        .run(),
    "source, wrong schema": () => from(dgraphSource({ ...login, ...scan, nodes: { has: "m" } })).collect(),
    "lookup, wrong schema": () => lookedUp("n"),
    "schema, another type": () => ensureSchema(login, { predicates: { n: { type: "string" } } }),
    "sink, wrong login": () =>
      from(["a"])
        .to(dgraphSink({ ...wrong, xid: "id", write }))
        .run(),
    "source, wrong login": () => from(dgraphSource({ ...wrong, ...scan })).collect(),
    "lookup, wrong login": () => lookedUp("id", wrong),
    "queries, wrong login": () => dgraphQueries(wrong),
    "schema, wrong login": () => ensureSchema(wrong, {}),
  };
  for (const [name, part] of Object.entries(parts)) {
    const before = opened;
    const failed = await part().then(
      () => false,
      () => true,
    );
    expect([name, failed]).toEqual([name, name.includes(",")]);
    expect([name, opened - before]).toEqual([name, 1]);
    await expect.poll(() => [name, open.size]).toEqual([name, 0]);
  }
});
