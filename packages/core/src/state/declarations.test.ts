import { expect, it } from "vitest";
import { declarationOf, listState, mapState, valueState } from "./declarations.js";

it("a declaration says what the state will be, and is not to be used itself", () => {
  const value = valueState<number>({ ttl: "1d" });
  const map = mapState<string, number>();
  const list = listState<number>({ ttl: { after: 5, from: "read" } });
  expect(
    [value, map, list].map((state) => declarationOf(state)).map((declared) => [declared?.kind, declared?.ttl]),
  ).toEqual([
    ["value", "1d"],
    ["map", undefined],
    ["list", { after: 5, from: "read" }],
  ]);
  const uses = [
    () => value.get(),
    () => value.set(1),
    () => value.clear(),
    () => map.get("a"),
    () => map.set("a", 1),
    () => map.delete("a"),
    () => map.entries(),
    () => list.push(1),
    () => list.values(),
    () => list.clear(),
  ];
  for (const use of uses) expect(use).toThrow(/E_ARGUMENT: a state is declared here, not used/);
  expect([declarationOf({}), declarationOf(undefined)]).toEqual([undefined, undefined]);
});
