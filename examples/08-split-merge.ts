/** Two branches by a type guard, each with its own work, and one stream of both again. */
import { from } from "@millrace/core";

interface Card {
  readonly by: "card";
  readonly digits: string;
}
interface Cash {
  readonly by: "cash";
  readonly desk: number;
}
const payments: (Card | Cash)[] = [
  { by: "card", digits: "1234" },
  { by: "cash", desk: 3 },
  { by: "card", digits: "5678" },
];

const [cards, cash] = from(payments).split((payment): payment is Card => payment.by === "card");
const texts = cards.map((card) => `card …${card.digits}`).merge(cash.map(({ desk }) => `cash at desk ${desk}`));

// Each branch keeps its order; between them there is none.
for (const text of (await texts.collect()).sort()) console.log(text);

// prints:
// card …1234
// card …5678
// cash at desk 3
