import { from, type Stream } from "@millrace/core";

const NUMBERS: readonly ((value: number) => number)[] = [
  (value) => value + 3,
  (value) => value * 0.5,
  (value) => Math.floor(value),
  (value) => -value,
  (value) => value % 17,
  (value) => (value > 100 ? value - 100 : value),
  (value) => value | 1,
  (value) => value / 3,
];
const TESTS: readonly ((value: number) => boolean)[] = [
  (value) => value > 10,
  (value) => value % 2 < 1,
  (value) => Number.isFinite(value),
  (value) => value !== 5,
  (value) => value < 1e6,
];
const LISTS: readonly ((value: number) => number[])[] = [
  (value) => [value],
  (value) => (value > 50 ? [value, -value] : []),
  (value) => [value, value + 1, value + 2],
];
const SIZE = 2_000;
const PIPELINES = 36;

/**
 * Runs other pipelines first, as a real process has them: V8 keeps what it learns about a call by the place in the source, and with a
 * single pipeline every place has seen only that one.
 */
export async function pollute(): Promise<void> {
  for (let i = 0; i < PIPELINES; i++) {
    const values = Array.from({ length: SIZE }, (_, place) => (i % 3 === 0 ? place + 0.5 : place));
    let stream: Stream<number> = from(values);
    for (let step = 0; step <= i % 4; step++) {
      stream = stream.map(pick(NUMBERS, i + step)).filter(pick(TESTS, i * 3 + step));
      if ((i + step) % 3 === 0) stream = stream.flatMap(pick(LISTS, i));
      if ((i + step) % 5 === 0) stream = stream.tap(() => {});
    }
    await finish(stream, i);
  }
}

async function finish(stream: Stream<number>, i: number): Promise<void> {
  switch (i % 4) {
    case 0:
      await stream.reduce((left, right) => left + right + i).last();
      break;
    case 1:
      await stream
        .map((value) => ({ value, text: `${value}` }))
        .filter(({ text }) => text.length < 9)
        .countAll();
      break;
    case 2:
      await stream
        .keyBy((value) => Math.floor(value) % 8)
        .fold(0, (count) => count + 1)
        .forEach(() => {});
      break;
    default:
      await stream
        .batch({ size: 1 + (i % 7) })
        .map((batch) => batch.length)
        .last();
  }
}

function pick<T>(from: readonly T[], i: number): T {
  return from[i % from.length] as T;
}
