import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FluxParameter, flux } from "./flux.js";

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom('"', "\\", "$", "{", "}", "\n", "\r", "\t", "/", ")", "a", " |> drop() //"))
    .map((parts) => parts.join("")),
);

/** Reads one string literal as Flux's grammar has it; undefined where the text is anything else or more. */
function readLiteral(literal: string): string | undefined {
  if (!literal.startsWith('"')) return undefined;
  let read = "";
  for (let at = 1; at < literal.length; at++) {
    const char = literal[at] as string;
    if (char === '"') return at === literal.length - 1 ? read : undefined;
    if (char === "$" && literal[at + 1] === "{") return undefined;
    if (char !== "\\") {
      read += char;
      continue;
    }
    at++;
    const code = literal[at] as string;
    if (code === "x") {
      read += String.fromCharCode(Number.parseInt(literal.slice(at + 1, at + 3), 16));
      at += 2;
    } else read += { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" }[code] ?? "?";
  }
  return undefined;
}

describe("flux", () => {
  it("writes any string as one literal that says the same", () => {
    fc.assert(
      fc.property(text, text, (left, right) => {
        expect(readLiteral(String(flux`${left}`))).toBe(left);
        const [first, second] = String(flux`${left}~~~~${right}`).split(/~~~~(?=")/) as [string, string];
        if (!left.includes("~") && !right.includes("~"))
          expect([readLiteral(first), readLiteral(second)]).toEqual([left, right]);
      }),
    );
  });

  it("refuses a parameter inside a string, a regular expression or a comment, where it could break out", () => {
    const evil = ") |> drop() //";
    const inside: (() => unknown)[] = [
      () => flux`r.id == "${evil}"`,
      () => flux`r.id == "${evil}-${evil}"`,
      () => flux`r.id == "a\"${evil}"`,
      () => flux`r.id == "a\\\"${evil}"`,
      () => flux`r.id =~ /${evil}/`,
      () => flux`f(r: /"${evil}/)`,
      () => flux`f(r: /a\/${evil}/)`,
      () => flux`a // ${evil}`,
      () => flux`a = ${"x"} // "${evil}"`,
      () => flux`a = ${"x"} + "${evil}"`,
    ];
    for (const made of inside) expect(made, String(made)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });

  it("takes parameters behind strings, regular expressions, divisions and comments", () => {
    expect(
      String(flux`r.a == "b\"" and r.c =~ /"\/"/ and r.d / 2 > ${1} // "x
      and r.e == ${"f"}`),
    ).toBe(`r.a == "b\\"" and r.c =~ /"\\/"/ and r.d / 2 > (1) // "x
      and r.e == "f"`);
    expect(String(flux`"http://x" ${true}`)).toBe('"http://x" true');
    expect(String(flux`f(a: /"/, b: ${"c"})`)).toBe('f(a: /"/, b: "c")');
  });

  it("writes each kind of value", () => {
    const values: readonly [FluxParameter, string][] = [
      [5, "(5)"],
      [-5, "(-5)"],
      [0.5, 'float(v: "0.5")'],
      [1e300, 'float(v: "1e+300")'],
      [9007199254740993n, "(9007199254740993)"],
      [true, "true"],
      [new Date(0), 'time(v: "1970-01-01T00:00:00.000Z")'],
      [["a", 1, [false]], '["a", (1), [false]]'],
      [flux`|> limit(n: ${3})`, "|> limit(n: (3))"],
    ];
    for (const [value, literal] of values) expect(String(flux`${value}`)).toBe(literal);
  });

  it("refuses what is no value", () => {
    const none = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2n ** 63n,
      undefined,
      null,
      {},
      { toString: () => "1) |> drop()" },
      () => 1,
      [null],
    ];
    for (const value of none)
      expect(() => flux`${value as FluxParameter}`).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(() => flux`${new Date(Number.NaN)}`).toThrow(RangeError);
    const asFunction = flux as unknown as (text: unknown) => unknown;
    for (const strings of ["buckets()", ["buckets()"], Object.assign(["buckets()"], { raw: ["buckets()"] })])
      expect(() => asFunction(strings)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });
});
