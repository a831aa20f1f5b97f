import { describe, expect, it } from "vitest";
import { cutEdge, selectionText } from "./selection.js";

describe("selectionText", () => {
  it("asks for one edge more than is allowed, to see that there are too many", () => {
    expect(
      selectionText(["name", "name@de", "a/b", { edge: "~friends", first: 2, facets: true, select: ["id"] }], "x"),
    ).toBe("uid name name@de <a/b> ~friends (first: 3) @facets { uid id }");
  });

  it("takes only names", () => {
    for (const wrong of ["", "a b", "a }", "a) { uid } b", "1a", "a@de }", "<a>", "a\nb", "~"])
      expect(() => selectionText([wrong], "x")).toThrow("E_ARGUMENT");
    expect(() => selectionText([{ edge: "a) {", select: [] }], "x")).toThrow("E_ARGUMENT");
    expect(() => selectionText([{ edge: "a", select: [], first: 1.5 }], "x")).toThrow("E_ARGUMENT");
    expect(() => selectionText([{ edge: "a", select: [], first: "1) {" as unknown as number }], "x")).toThrow(
      "E_ARGUMENT",
    );
  });

  it("has an end", () => {
    const endless: { edge: string; select: unknown[] } = { edge: "a", select: [] };
    endless.select.push(endless);
    expect(() => selectionText([endless as never], "x")).toThrow(/deep/);
  });
});

describe("cutEdge", () => {
  it("finds the node with too many edges, at any depth, and single edges", () => {
    const select = [{ edge: "boss", select: [{ edge: "friends", first: 1, select: [] }] }];
    const node = { uid: "0x1", boss: { uid: "0x2", friends: [{ uid: "0x3" }, { uid: "0x4" }] } };
    expect(cutEdge(node, select)).toEqual({ edge: "friends", uid: "0x2", first: 1 });
    expect(cutEdge({ uid: "0x1", boss: { uid: "0x2", friends: [{ uid: "0x3" }] } }, select)).toBeUndefined();
    expect(cutEdge({ uid: "0x1" }, select)).toBeUndefined();
  });
});
