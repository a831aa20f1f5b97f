import { DgraphClient, DgraphClientStub, ERR_ABORTED, Mutation, Operation, Request } from "dgraph-js";
import { afterAll, describe, expect, it } from "vitest";
import { target } from "./target.js";

/**
 * What the connector takes Dgraph to do, said by dgraph-js alone. Against the stand-in it shows that the stand-in does so; with DGRAPH_URL, that Dgraph does.
 */
const stub = new DgraphClientStub(target.url);
const client = new DgraphClient(stub);
const mark = `b${process.pid.toString(36)}${Date.now().toString(36)}`;
let made = 0;

afterAll(() => stub.close());

/** A predicate with this declaration, which nothing else has. */
async function predicate(declaration: string): Promise<string> {
  const name = `${mark}.p${made++}`;
  const operation = new Operation();
  operation.setSchema(`<${name}>: ${declaration} .`);
  await client.alter(operation);
  return name;
}

interface Upsert {
  readonly query?: string;
  readonly vars?: Readonly<Record<string, string>>;
  readonly set?: string;
  readonly del?: string;
  readonly setJson?: unknown;
  readonly condition?: string;
}

function request({ query = "", vars = {}, set, del, setJson, condition }: Upsert, commitNow = true): Request {
  const one = new Request();
  const mutation = new Mutation();
  if (set !== undefined) mutation.setSetNquads(set);
  if (del !== undefined) mutation.setDelNquads(del);
  if (setJson !== undefined) mutation.setSetJson(setJson);
  if (condition !== undefined) mutation.setCond(condition);
  one.setQuery(query);
  for (const [name, value] of Object.entries(vars)) one.getVarsMap().set(name, value);
  one.setMutationsList([mutation]);
  one.setCommitNow(commitNow);
  return one;
}

const upsert = (what: Upsert): Promise<unknown> => client.newTxn().doRequest(request(what));
const ask = async (query: string): Promise<Record<string, readonly Record<string, unknown>[]>> =>
  (await client.newTxn({ readOnly: true }).query(query)).getJson();

describe("transactions", () => {
  it("that upsert one id by an @upsert index conflict; without @upsert both make a node", async () => {
    for (const [marks, nodes] of [
      ["@index(exact) @upsert", 1],
      ["@index(exact)", 2],
    ] as const) {
      const id = await predicate(`string ${marks}`);
      const what = {
        query: `query q($x: string) { u as var(func: eq(${id}, $x)) }`,
        vars: { $x: "a" },
        set: `uid(u) <${id}> "a" .`,
      };
      const [left, right] = [client.newTxn(), client.newTxn()];
      await left.doRequest(request(what, false));
      await right.doRequest(request(what, false));
      await left.commit();
      const second = await right.commit().then(
        () => "committed",
        (error: unknown) => (error === ERR_ABORTED ? "aborted" : error),
      );
      expect(second).toBe(nodes === 1 ? "aborted" : "committed");
      expect((await ask(`{ found(func: eq(${id}, "a")) { uid } }`)).found).toHaveLength(nodes);
    }
  });

  it("see what they wrote, and nobody else does before the commit; a read keeps its timestamp", async () => {
    const id = await predicate("string @index(exact) @upsert");
    const query = `{ found(func: eq(${id}, "a")) { uid } }`;
    const reading = client.newTxn({ readOnly: true });
    expect((await reading.query(query)).getJson()).toEqual({ found: [] });
    const writing = client.newTxn();
    await writing.doRequest(request({ set: `_:a <${id}> "a" .` }, false));
    expect((await writing.query(query)).getJson().found).toHaveLength(1);
    expect((await ask(query)).found).toEqual([]);
    await writing.commit();
    expect((await reading.query(query)).getJson()).toEqual({ found: [] });
    expect((await ask(query)).found).toHaveLength(1);
  });

  it("that are discarded leave nothing", async () => {
    const id = await predicate("string @index(exact) @upsert");
    const writing = client.newTxn();
    await writing.doRequest(request({ set: `_:a <${id}> "a" .` }, false));
    await writing.discard();
    expect((await ask(`{ found(func: eq(${id}, "a")) { uid } }`)).found).toEqual([]);
  });
});

describe("an upsert block", () => {
  it("makes a node for an empty variable, once in all mutations, and changes the one that is there", async () => {
    const id = await predicate("string @index(exact) @upsert");
    const other = await predicate("string");
    const one = request({
      query: `{ u as var(func: eq(${id}, "a")) n as var(func: uid(u)) }`,
      set: `uid(u) <${id}> "a" .`,
    });
    const second = new Mutation();
    second.setSetNquads(`uid(u) <${other}> "x" .`);
    second.setCond("@if(eq(len(n), 0))");
    one.addMutations(second);
    await client.newTxn().doRequest(one);
    const query = `{ found(func: eq(${id}, "a")) { ${other} } }`;
    expect((await ask(query)).found).toEqual([{ [other]: "x" }]);
    // Now the condition does not hold.
    second.setSetNquads(`uid(u) <${other}> "y" .`);
    one.setStartTs(0);
    await client.newTxn().doRequest(one);
    expect((await ask(query)).found).toEqual([{ [other]: "x" }]);
  });

  it("deletes before it sets, and passes over what is not there", async () => {
    const id = await predicate("string @index(exact) @upsert");
    const tags = await predicate("[string]");
    const query = `{ u as var(func: eq(${id}, "a")) no as var(func: eq(${id}, "nobody")) }`;
    await upsert({ query, set: `uid(u) <${id}> "a" .\nuid(u) <${tags}> "1" .`, del: `uid(no) <${tags}> * .` });
    await upsert({ query, set: `uid(u) <${tags}> "2" .`, del: `uid(u) <${tags}> * .\nuid(no) <${id}> * .` });
    expect((await ask(`{ found(func: eq(${id}, "a")) { ${tags} } }`)).found).toEqual([{ [tags]: ["2"] }]);
  });

  it("filters by a predicate without an index", async () => {
    const id = await predicate("string @index(exact) @upsert");
    const version = await predicate("int");
    await upsert({ set: `_:a <${id}> "a" .\n_:a <${version}> "5" .` });
    for (const [least, found] of [
      [5, 1],
      [6, 0],
    ] as const)
      expect(
        (await ask(`{ found(func: eq(${id}, "a")) @filter(ge(${version}, ${least})) { uid } }`)).found,
      ).toHaveLength(found);
  });

  it("is refused with a variable that is not used, and takes variables beside the text", async () => {
    const id = await predicate("string @index(exact) @upsert");
    await expect(upsert({ query: `{ u as var(func: eq(${id}, "a")) }`, set: `_:a <${id}> "b" .` })).rejects.toThrow(
      /not used/,
    );
    await expect(
      upsert({
        query: `query q($x: int) { u as var(func: eq(${id}, $x)) }`,
        vars: { $x: "no" },
        set: `uid(u) <${id}> "b" .`,
      }),
    ).rejects.toThrow();
  });
});

describe("facets", () => {
  it("filter edges, and with a variable say whether there is one that fits", async () => {
    const id = await predicate("string @index(exact) @upsert");
    const friends = await predicate("[uid]");
    await upsert({
      set: `_:a <${id}> "a" .\n_:b <${id}> "b" .\n_:a <${friends}> _:b (since=2020-01-01T00:00:00Z, weight=0.5) .`,
    });
    const query = (filter: string): string =>
      `{ u as var(func: eq(${id}, "a")) w as var(func: eq(${id}, "b"))
        var(func: uid(u)) { e as ${friends} @facets(${filter}) @filter(uid(w)) } found(func: uid(e)) { ${id} } }`;
    for (const [filter, fits] of [
      [`le(since, "2020-01-01T00:00:00.000Z")`, true],
      [`le(since, "2019-12-31T00:00:00.000Z")`, false],
      [`ge(weight, "0.5")`, true],
      [`ge(weight, "0.6")`, false],
      [`ge(other, "0")`, false],
    ] as const)
      expect([filter, (await ask(query(filter))).found]).toEqual([filter, fits ? [{ [id]: "b" }] : []]);
  });
});

describe("values", () => {
  it("that do not fit are refused; a fraction for an int is cut", async () => {
    const number = await predicate("int");
    const edge = await predicate("[uid]");
    await expect(upsert({ set: `_:a <${number}> "x"^^<xs:string> .` })).rejects.toThrow();
    await expect(upsert({ set: `_:a <${number}> _:b .` })).rejects.toThrow();
    await expect(upsert({ set: `_:a <${edge}> "x" .` })).rejects.toThrow();
    await upsert({ set: `_:a <${number}> "1.9"^^<xs:float> .` });
    expect((await ask(`{ found(func: has(${number})) { ${number} } }`)).found).toEqual([{ [number]: 1 }]);
  });

  it("are text where they are typed, and everything where they are an untyped star", async () => {
    const text = await predicate("string @index(exact)");
    await upsert({ set: `_:a <${text}> "_STAR_ALL"^^<xs:string> .` });
    expect((await ask(`{ found(func: eq(${text}, "_STAR_ALL")) { ${text} } }`)).found).toEqual([
      { [text]: "_STAR_ALL" },
    ]);
    await expect(upsert({ set: `_:a <${text}> "_STAR_ALL" .` })).rejects.toThrow();
    const tagged = await predicate("string @lang");
    await expect(upsert({ set: `_:a <${tagged}> "_STAR_ALL"@de .` })).rejects.toThrow();
    await upsert({ set: `_:a <${tagged}@de> "_STAR_ALL"^^<xs:string> .` });
    expect((await ask(`{ found(func: has(${tagged})) { ${tagged}@de } }`)).found).toEqual([
      { [`${tagged}@de`]: "_STAR_ALL" },
    ]);
    await expect(upsert({ set: `_:a <${text}> "half \\uD800" .` })).rejects.toThrow();
    await expect(upsert({ set: `_:a <${text}> "a\\qb" .` })).rejects.toThrow();
  });

  it("come by JSON too, with edges and their facets", async () => {
    const text = await predicate("string @index(exact)");
    const edge = await predicate("[uid] @reverse");
    await upsert({ setJson: { [text]: "a", [edge]: [{ [text]: "b", [`${edge}|n`]: 1.5 }] } });
    expect((await ask(`{ found(func: eq(${text}, "a")) { ${edge} @facets { ${text} } } }`)).found).toEqual([
      { [edge]: [{ [text]: "b", [`${edge}|n`]: 1.5 }] },
    ]);
    expect((await ask(`{ found(func: eq(${text}, "b")) { ~${edge} { ${text} } count(~${edge}) } }`)).found).toEqual([
      { [`~${edge}`]: [{ [text]: "a" }], [`count(~${edge})`]: 1 },
    ]);
  });
});

it("pages by uid behind `after`, which takes no variable", async () => {
  const text = await predicate("string");
  await upsert({ set: Array.from({ length: 5 }, (_, i) => `_:n${i} <${text}> "${i}" .`).join("\n") });
  const page = async (first: number, after: string): Promise<string[]> =>
    (
      (await ask(`{ found(func: has(${text}), first: ${first}, after: ${after}) { uid } }`)).found as { uid: string }[]
    ).map(({ uid }) => uid);
  const all = await page(10, "0x0");
  expect(all).toHaveLength(5);
  expect(await page(2, all[1] as string)).toEqual(all.slice(2, 4));
});
