/** Visits: clicks of a user that follow each other by at most half an hour. Clicks come up to ten minutes out of order. */
import { from, session } from "@millrace/core";

const minutes = (n: number): number => n * 60_000;
const clicks = [
  { user: "ada", at: minutes(0), page: "/" },
  { user: "ada", at: minutes(20), page: "/shoes" },
  { user: "bob", at: minutes(25), page: "/" },
  { user: "ada", at: minutes(15), page: "/hats" }, // out of order
  { user: "ada", at: minutes(90), page: "/" },
];

const visits = await from(clicks)
  .eventTime((click) => click.at, { maxOutOfOrderness: "10m" })
  .keyBy((click) => click.user)
  .window("visits", session({ gap: "30m" }))
  .collect()
  .collect();

for (const { key, window, value } of visits) {
  const [from, to] = [window.start, window.end].map((time) => time / minutes(1));
  console.log(`${key}, minute ${from} to ${to}: ${value.map((click) => click.page).join(" ")}`);
}

// prints:
// ada, minute 0 to 50: / /hats /shoes
// bob, minute 25 to 55: /
// ada, minute 90 to 120: /
