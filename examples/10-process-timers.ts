/** States and timers of one's own: which orders were not paid within ten minutes of event time? */
import { from, valueState } from "@millrace/core";

const minutes = (n: number): number => n * 60_000;
const events = [
  { order: "A", kind: "placed", at: minutes(0) },
  { order: "B", kind: "placed", at: minutes(1) },
  { order: "A", kind: "paid", at: minutes(4) },
  { order: "C", kind: "placed", at: minutes(30) }, // time passes, so B is overdue
  { order: "C", kind: "paid", at: minutes(31) },
];

const alerts = await from(events)
  .eventTime((event) => event.at)
  .keyBy((event) => event.order)
  .process("overdue", {
    state: { due: valueState<number>() },
    onValue({ kind, at }, context) {
      const { due } = context.state;
      const set = due.get();
      if (kind === "placed") {
        due.set(at + minutes(10));
        context.setTimer(at + minutes(10));
      } else if (set !== undefined) {
        context.cancelTimer(set);
        due.clear();
      }
    },
    onTimer(time, _clock, { key, state }) {
      state.due.clear();
      return [`order ${key} was not paid by minute ${time / minutes(1)}`];
    },
  })
  .collect();

for (const alert of alerts) console.log(alert);

// prints:
// order B was not paid by minute 11
