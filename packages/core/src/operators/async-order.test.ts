import { expect, it } from "vitest";
import { orderFlags, requireOrder } from "./async-order.js";

it("an order is one of three, with flags that say what it costs", () => {
  expect([requireOrder(undefined, "x"), requireOrder("key", "x")]).toEqual(["input", "key"]);
  expect(() => requireOrder("fast" as never, "x")).toThrow(
    'E_ARGUMENT: x: order must be "input", "key" or "any"; it is "fast"',
  );
  expect(orderFlags("input")).toEqual({ unordered: false, reads: { keys: false } });
  expect(orderFlags("key")).toEqual({ unordered: true, reads: { keys: true }, needsKey: 'order "key"' });
  expect(orderFlags("any")).toMatchObject({
    unordered: true,
    lowers: "results leave in the order in which they are ready",
  });
});
