import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnnotatedCsv, type FluxRow } from "./annotated-csv.js";

/** As influxd writes: Go's CSV writer with CRLF, which makes CR LF of a line break and drops each CR. */
function field(value: string): string {
  const plain = value !== "" && !/["\r\n,]|^\s/.test(value) && value !== "\\.";
  return plain ? value : `"${value.replace(/"/g, '""').replace(/\r/g, "").replace(/\n/g, "\r\n")}"`;
}

function table(rows: readonly { readonly s: string; readonly d: number; readonly l: bigint }[]): string {
  const head = [
    "#datatype,string,long,string,double,long",
    "#group,false,false,true,false,false",
    "#default,_result,,,,",
  ];
  const lines = rows.map(({ s, d, l }) => `,,0,${s === "" ? "" : field(s)},${d},${l}`);
  return `${[...head, ",result,table,s,d,l", ...lines].join("\r\n")}\r\n\r\n`;
}

function read(bytes: Uint8Array, cuts: readonly number[]): FluxRow[] {
  const csv = new AnnotatedCsv((message) => new Error(message));
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).flatMap((end, i) => [...csv.rows(bytes.subarray(places[i], end))]);
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const hostile = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.array(fc.constantFrom('"', ",", "\n", "\r", " ", "#", "é", "𝄞", "error")).map((parts) => parts.join("")),
);

describe("AnnotatedCsv", () => {
  it("gives what was written, wherever the bytes are cut", () => {
    const row = fc.record({
      s: hostile,
      d: fc.double({ noNaN: true, noDefaultInfinity: true }),
      l: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    });
    const tables = fc.array(fc.array(row, { minLength: 1, maxLength: 4 }), { maxLength: 3 });
    fc.assert(
      fc.property(tables, fc.array(fc.nat(), { maxLength: 12 }), (all, cuts) => {
        const expected = all.flat().map(({ s, d, l }) => ({
          result: "_result",
          table: 0n,
          s: s.replace(/\r/g, ""),
          d: Object.is(d, -0) ? 0 : d,
          l,
        }));
        expect(read(bytesOf(all.map(table).join("")), cuts)).toEqual(expected);
      }),
    );
  });

  it("reads every type, and nothing where there is none", () => {
    const text =
      "#datatype,string,long,dateTime:RFC3339,double,boolean,unsignedLong,base64Binary,string\r\n#group,,,,,,,,\r\n#default,r,,,,,,,x\r\n" +
      ",result,table,t,d,b,u,y,s\r\n,,1,2020-01-01T00:00:00.123456789Z,-Inf,true,18446744073709551615,YQ==,\r\n,q,1,,,,,,z\r\n";
    expect(read(bytesOf(text), [])).toEqual([
      {
        result: "r",
        table: 1n,
        t: "2020-01-01T00:00:00.123456789Z",
        d: Number.NEGATIVE_INFINITY,
        b: true,
        u: 2n ** 64n - 1n,
        y: "YQ==",
        s: "x",
      },
      { result: "q", table: 1n, t: null, d: null, b: null, u: null, y: null, s: "z" },
    ]);
  });

  it("reads a number that comes again behind another one", () => {
    const rows = [1n, 2n, 2n, 1n, 0n, 1n].map((l) => ({ s: "a", d: 1, l }));
    expect(read(bytesOf(table(rows)), []).map(({ l }) => l)).toEqual(rows.map(({ l }) => l));
  });

  it("has every column, whatever it is called", () => {
    const text =
      "#datatype,string,long,string\r\n#group,false,false,true\r\n#default,_result,,\r\n,result,table,__proto__\r\n,,0,a\r\n\r\n";
    const [row] = read(bytesOf(text), []);
    expect(Object.entries(row as FluxRow)).toContainEqual(["__proto__", "a"]);
  });

  it("throws for an error table, behind the rows before it, and only for one", () => {
    const error =
      '#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,"no ""x""",897\r\n';
    const csv = new AnnotatedCsv((message) => new Error(message));
    const rows = csv.rows(bytesOf(table([{ s: "a", d: 1, l: 1n }]) + error));
    expect(rows.next().value).toMatchObject({ s: "a" });
    expect(() => rows.next()).toThrow('no "x"');
    const data =
      "#datatype,string,long,string,string\r\n#group,,,,\r\n#default,,,,\r\n,result,table,error,reference\r\n,a,0,x,y\r\n";
    expect(read(bytesOf(data), [])).toEqual([{ result: "a", table: 0n, error: "x", reference: "y" }]);
  });
});
