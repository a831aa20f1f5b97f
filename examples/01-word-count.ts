/** Counts words. A fold is rolling: it emits the count of a word each time it grows. */
import { from } from "@millrace/core";

const lines = ["the cat and the dog", "and the end"];

const counts = await from(lines)
  .flatMap((line) => line.split(" "))
  .keyBy((word) => word)
  .fold(0, (count) => count + 1)
  .elements()
  .collect();

const final = new Map(counts.map(({ key, value }) => [key, value]));
for (const [word, count] of final) console.log(`${word} ${count}`);

// prints:
// the 3
// cat 1
// and 2
// dog 1
// end 1
