/** Values that can not be processed go aside with their cause, and the others go on. */
import { type DeadLetter, discardSink, from, topology } from "@millrace/core";

const letters: DeadLetter<unknown>[] = [];
const numbers: number[] = [];

const parsed = from(["1", "two", "3", "-4"], { name: "input" })
  .map((text) => {
    const n = Number(text);
    if (Number.isNaN(n)) throw new Error(`not a number: ${text}`);
    return n;
  })
  .tap((n) => {
    if (n < 0) throw new RangeError("negative");
  })
  .onError((dead) => dead.tap((letter) => letters.push(letter)).to(discardSink()));

const summary = await topology("numbers", parsed.tap((n) => numbers.push(n)).to(discardSink())).run();

console.log(`good: ${numbers.join(" ")}`);
letters.sort((left, right) => Number(left.origin?.offset) - Number(right.origin?.offset)); // two operators, no order between them
for (const { operator, value, error, origin } of letters)
  console.log(
    `${operator} failed on ${JSON.stringify(value)}, number ${origin?.offset} of ${origin?.source}: ${error.message}`,
  );
console.log(`failed: ${summary.operators.reduce((sum, operator) => sum + operator.failed, 0)}`);

// prints:
// good: 1 3
// map-1 failed on "two", number 1 of input: not a number: two
// tap-1 failed on -4, number 3 of input: negative
// failed: 2
