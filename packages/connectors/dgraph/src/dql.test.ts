import { describe, expect, it } from "vitest";
import { dql, dqlUid, variableText } from "./dql.js";

describe("dql", () => {
  it("names values and never holds them", () => {
    const hostile = '") { uid } everything(func: has(secret';
    const { text, vars } =
      dql`{ a(func: eq(name, ${hostile}), first: ${10}) @filter(ge(f, ${0.5}) and eq(b, ${true})) { uid } }`;
    expect(text).toBe(
      "query q($p0: string, $p1: int, $p2: float, $p3: bool) { a(func: eq(name, $p0), first: $p1) @filter(ge(f, $p2) and eq(b, $p3)) { uid } }",
    );
    expect(vars).toEqual({ p0: hostile, p1: "10", p2: "0.5", p3: "true" });
  });

  it("keeps all digits, as text: dgraph-js drops variables that are no strings", () => {
    expect(dql`{ a(func: eq(n, ${9223372036854775807n})) { uid } }`.vars).toEqual({ p0: "9223372036854775807" });
  });

  it("takes a uid into the text only where it is one", () => {
    expect(dql`{ a(func: uid(${dqlUid("0x1F")})) { uid } }`.text).toBe("{ a(func: uid(0x1f)) { uid } }");
    for (const wrong of ["1", "0x", "0x1) { uid } b(func: has(x)", "0x12345678901234567", ""])
      expect(() => dqlUid(wrong)).toThrow("E_ARGUMENT");
  });

  it.each([
    ["null", null],
    ["undefined", undefined],
    ["an object", { toString: () => "x" }],
    ["a list", ["x"]],
    ["NaN", Number.NaN],
    ["a number that is not exact", 2 ** 53],
    ["half of a surrogate pair", "\udc00"],
  ])("refuses %s", (_what, value) => {
    expect(() => dql`{ a(func: eq(n, ${value as string})) { uid } }`).toThrow("E_ARGUMENT");
    expect(() => variableText(value, "a key")).toThrow("E_ARGUMENT");
  });

  it("refuses text that was put together before, and text that is no block", () => {
    const asFunction = dql as unknown as (text: string) => unknown;
    expect(() => asFunction("{ a(func: has(x)) { uid } }")).toThrow("E_ARGUMENT");
    expect(() => (dql as unknown as (text: string[]) => unknown)(["{}"])).toThrow("E_ARGUMENT");
    expect(() => dql`query q($x: string) { a(func: has(x)) { uid } }`).toThrow("E_ARGUMENT");
  });
});
