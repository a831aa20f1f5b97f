/** Calls of a service, eight at once, in order, tried again where they fail, with a value for those that never succeed. */
import { from } from "@millrace/core";

const calls = new Map<number, number>();

async function price(id: number): Promise<string> {
  const attempt = (calls.get(id) ?? 0) + 1;
  calls.set(id, attempt);
  await new Promise((resolve) => setTimeout(resolve, 12 - id)); // the first calls take longest
  if (id === 3 && attempt < 3) throw new Error("busy");
  if (id === 5) throw new Error("no such product");
  return `product ${id} costs ${id * 10}`;
}

const prices = await from([1, 2, 3, 4, 5])
  .mapAsync((id) => price(id), {
    concurrency: 8,
    timeout: "1s",
    retry: { attempts: 3, delay: "1ms" },
    fallback: (id) => `product ${id} has no price`,
  })
  .collect();

for (const line of prices) console.log(line);
console.log(`calls for product 3: ${calls.get(3)}`);

// prints:
// product 1 costs 10
// product 2 costs 20
// product 3 costs 30
// product 4 costs 40
// product 5 has no price
// calls for product 3: 3
