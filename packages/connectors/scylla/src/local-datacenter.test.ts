import type { Client, HostMap } from "cassandra-driver";
import { expect, it } from "vitest";
import { LocalDatacenterPolicy } from "./local-datacenter.js";

/** What the policy says to hosts of these datacenters, and which of them it then asks. */
function outcomeOf(given: string | undefined, datacenters: readonly string[]): string {
  const hosts = datacenters.map((datacenter, i) => ({ datacenter, address: `h${i}`, isUp: () => true }));
  const map = {
    values: () => hosts,
    forEach: (fn: (host: (typeof hosts)[number]) => void) => hosts.forEach(fn),
    on: () => map,
  };
  const policy = new LocalDatacenterPolicy(given);
  let said = "";
  policy.init({ options: {}, log() {} } as unknown as Client, map as unknown as HostMap, (error: unknown) => {
    said = error === undefined || error === null ? "" : (error as Error).message;
  });
  if (said !== "") return said;
  let asked = "";
  policy.newQueryPlan("k", undefined as never, (_, plan) => {
    const addresses: string[] = [];
    for (let next = plan.next(); next.done !== true; next = plan.next()) addresses.push(next.value.address);
    asked = addresses.sort().join(" ");
  });
  return asked;
}

it("the only datacenter is taken without a name, with several it must be said, and it must be there", () => {
  expect(outcomeOf(undefined, ["dc1", "dc1"])).toBe("h0 h1");
  expect(outcomeOf(undefined, ["dc2", "dc1", "dc2"])).toBe("say which one is local: there are dc1, dc2");
  expect(outcomeOf("dc2", ["dc2", "dc1", "dc2"])).toBe("h0 h2");
  expect(outcomeOf("mars", ["dc2", "dc1"])).toBe('there is no datacenter "mars", but dc1, dc2');
});
