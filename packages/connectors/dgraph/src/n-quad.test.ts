import { describe, expect, it } from "vitest";
import { type DgraphFacet, facetList, literal, quoted, UnwritableValue } from "./n-quad.js";

describe("quoted", () => {
  it("escapes what ends or bends a literal, and leaves everything else", () => {
    expect(quoted('a"b\\c\nd\re\tf')).toBe('"a\\"b\\\\c\\nd\\re\\tf"');
    // Dgraph knows \\u in literals only, not in facets.
    expect(quoted("\u0000\u007f\u0085\u2028")).toBe('"\u0000\u007f\u0085\u2028"');
    expect(quoted("ä 漢 😀 . } ^^<xs:int>")).toBe('"ä 漢 😀 . } ^^<xs:int>"');
  });

  it("refuses half of a surrogate pair", () => {
    expect(() => quoted("a\ud83d")).toThrow(UnwritableValue);
  });
});

describe("literal", () => {
  it("is of the predicate's type", () => {
    expect(literal("_STAR_ALL", "string")).toBe('"_STAR_ALL"^^<xs:string>');
    expect(literal(-0, "int")).toBe('"0"^^<xs:int>');
    expect(literal(2n ** 63n - 1n, "int")).toBe('"9223372036854775807"^^<xs:int>');
    expect(literal(1e21, "float")).toBe('"1e+21"^^<xs:float>');
    expect(literal(false, "bool")).toBe('"false"^^<xs:boolean>');
    expect(literal(new Date(0), "datetime")).toBe('"1970-01-01T00:00:00.000Z"^^<xs:dateTime>');
    expect(literal({ type: "Point", coordinates: [1, 2] }, "geo")).toBe(
      '"{\\"type\\":\\"Point\\",\\"coordinates\\":[1,2]}"^^<geo:geojson>',
    );
  });

  it.each([
    ["a number that is not exact", 2 ** 53, "int", /whole number/],
    ["a fraction for an int, which Dgraph would cut", 1.5, "int", /whole number/],
    ["a bigint of more than 64 bits", 2n ** 63n, "int", /64 bits/],
    ["a number for a string", 5, "string", /must be a string; it is number \(5\)/],
    ["NaN", Number.NaN, "float", /finite/],
    ["a string for a bool", "true", "bool", /true or false/],
    ["a time that is none", new Date(Number.NaN), "datetime", /a Date/],
    ["a year that its form has no room for", new Date(8.64e15), "datetime", /years 1 to 9999/],
    ["text for a shape", "{}", "geo", /GeoJSON/],
    ["a value where edges are", "x", "uid", /edges/],
  ] as const)("refuses %s", (_what, value, kind, message) => {
    expect(() => literal(value, kind)).toThrow(message);
  });
});

describe("facetList", () => {
  it("gives all numbers of a facet one type", () => {
    expect(facetList({ a: 1, b: 0.5, c: 7n, d: true, e: "2024", f: new Date(0) })).toBe(
      ' (a=1.0, b=0.5, c=7, d=true, e="2024", f=1970-01-01T00:00:00.000Z)',
    );
    expect(facetList({})).toBe("");
    expect(facetList(undefined)).toBe("");
  });

  it("refuses what is no facet", () => {
    expect(() => facetList({ a: Number.POSITIVE_INFINITY })).toThrow(/finite/);
    expect(() => facetList({ a: null as unknown as DgraphFacet })).toThrow(/a Date/);
  });
});
