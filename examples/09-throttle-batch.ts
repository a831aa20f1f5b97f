/** At most four values in any fifty milliseconds, in batches of four: how to be kind to a service. */
import { from } from "@millrace/core";

const began = performance.now();
const batches = await from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  .throttle({ elements: 4, per: "50ms" })
  .batch({ size: 4, within: "1s" })
  .mapAsync(async (ids) => `sent ${ids.join(" ")}`)
  .collect();
const took = performance.now() - began;

for (const batch of batches) console.log(batch);
console.log(`took at least 100 ms: ${took >= 99}`);

// prints:
// sent 1 2 3 4
// sent 5 6 7 8
// sent 9 10
// took at least 100 ms: true
