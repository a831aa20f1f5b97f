import fc from "fast-check";
import type { Point } from "../src/index.js";

const nasty = fc
  .array(
    fc.constantFrom(
      "a",
      "=",
      ",",
      " ",
      "\\",
      '"',
      "'",
      "\n",
      "\r",
      "\t",
      "\0",
      "#",
      "é",
      "日",
      "𝄞",
      "{",
      "$",
      "/",
      ":",
      ";",
      "\u00a0",
      "\u2028",
      "\ufeff",
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

/** Any text, with everything that means something to line protocol, CSV or Flux. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: nasty },
  fc.string({ unit: "grapheme", maxLength: 12 }),
);

const spaced = (text: string): string => text.replace(/[\0\t\n\r]/g, " ");
const underscores = (slashes: string): string => "_".repeat(slashes.length);

/** What the encoder makes of tags, and of other names; everything else comes back as it was. */
export const fittedTag = (text: string): string => spaced(text).replace(/\\+(?= |$)/g, underscores);
export const fittedName = (text: string): string => spaced(text).replace(/\\+(?=[,= "]|$)/g, underscores);

const named = (fitted: (text: string) => string): fc.Arbitrary<string> =>
  hostileText.filter((text) => !["", "time", "_field", "_measurement"].includes(fitted(text)));

const fieldValue = fc.oneof(
  hostileText,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.boolean(),
);

/** Points that InfluxDB can store. */
export const hostilePoint: fc.Arbitrary<Point> = fc
  .record({
    measurement: named(fittedName).filter((text) => !text.startsWith("#")),
    tagNames: fc.uniqueArray(named(fittedTag), { maxLength: 3, selector: fittedTag }),
    fieldNames: fc.uniqueArray(named(fittedName), { minLength: 1, maxLength: 3, selector: fittedName }),
    tagValues: fc.array(hostileText, { minLength: 3, maxLength: 3 }),
    fieldValues: fc.array(fieldValue, { minLength: 3, maxLength: 3 }),
    time: fc.bigInt(0n, 4_000_000_000_000_000_000n),
  })
  .map(({ measurement, tagNames, fieldNames, tagValues, fieldValues, time }) => ({
    measurement,
    tags: Object.fromEntries(tagNames.map((tag, i) => [tag, tagValues[i] as string])),
    fields: Object.fromEntries(fieldNames.map((field, i) => [field, fieldValues[i] as string])),
    time,
  }));

/** How a point must come back. */
export function expectedOf(point: Point): {
  measurement: string;
  tags: Record<string, string>;
  fields: Record<string, unknown>;
  time: bigint;
} {
  return {
    measurement: fittedName(point.measurement),
    tags: Object.fromEntries(
      Object.entries(point.tags ?? {})
        .filter(([, value]) => value !== "" && value !== undefined)
        .map(([tag, value]) => [fittedTag(tag), fittedTag(value as string)]),
    ),
    fields: Object.fromEntries(
      Object.entries(point.fields).map(([field, value]) => [fittedName(field), Object.is(value, -0) ? 0 : value]),
    ),
    time: BigInt(point.time),
  };
}
