import type { EventType, Payload } from "../event/event.js";
import type { Happening, LifeContext } from "./life.js";
import type { Prng } from "./prng.js";

/** A kind of happening: how likely it is for this citizen now, and what it looks like. */
interface Kind {
  readonly subtype: string;
  readonly weight: (life: LifeContext) => number;
  readonly payload: (prng: Prng, life: LifeContext) => Payload;
}

const SYSTEMS: Readonly<Record<EventType, readonly string[]>> = {
  financial: ["bank-a", "bank-b", "tax-office"],
  social: ["city-portal", "police-records", "ngo-hub"],
  online: ["forum", "video-site", "review-site"],
  relationship: ["registry", "social-network"],
};

const FINANCIAL: readonly Kind[] = [
  {
    subtype: "purchase",
    weight: () => 6,
    payload: (prng) => ({ amount: money(prng, 32, 0.9), currency: "EUR", shop: shop(prng) }),
  },
  {
    subtype: "payment_on_time",
    weight: ({ citizen }) => 3 * citizen.traits.reliability,
    payload: (prng) => ({ amount: money(prng, 90, 0.7), bill: bill(prng), autopay: prng.chance(0.4) }),
  },
  {
    subtype: "late_payment",
    weight: latePaymentWeight,
    payload: (prng) => ({
      amount: money(prng, 140, 1),
      bill: bill(prng),
      daysLate: 1 + Math.floor(prng.exponential(11)),
    }),
  },
  {
    subtype: "salary_received",
    weight: ({ employed }) => (employed ? 0.3 : 0),
    payload: (prng) => ({ amount: money(prng, 2_600, 0.4), employer: `company-${prng.below(400)}` }),
  },
  {
    subtype: "gambling",
    weight: ({ citizen, afterGambling }) => 0.9 * citizen.traits.risk * (1 + afterGambling),
    payload: (prng) => ({ amount: money(prng, 45, 1.2), won: prng.chance(0.3) }),
  },
  {
    subtype: "donation",
    weight: ({ citizen }) => 0.4 * citizen.traits.sociability,
    payload: (prng) => ({ amount: money(prng, 25, 0.9), cause: prng.pick(["relief", "animals", "arts", "school"]) }),
  },
  {
    subtype: "tax_paid",
    weight: ({ employed }) => (employed ? 0.08 : 0.02),
    payload: (prng) => ({ amount: money(prng, 700, 0.6), year: 2_024 }),
  },
  {
    subtype: "loan_default",
    weight: ({ citizen, employed }) => 0.03 * citizen.traits.risk * (employed ? 1 : 6),
    payload: (prng) => ({ amount: money(prng, 4_000, 0.8) }),
  },
];

const SOCIAL: readonly Kind[] = [
  {
    subtype: "recycling",
    weight: ({ citizen }) => 2 * citizen.traits.reliability,
    payload: (prng) => ({ kilos: tenths(prng.exponential(4)) }),
  },
  {
    subtype: "volunteering",
    weight: ({ citizen, afterVolunteering }) => citizen.traits.sociability * (1 + afterVolunteering),
    payload: (prng) => ({ hours: tenths(0.5 + prng.exponential(3)), organisation: `ngo-${prng.below(60)}` }),
  },
  {
    subtype: "traffic_violation",
    weight: ({ citizen }) => 0.9 * citizen.traits.risk,
    payload: (prng) => ({ kmhOver: prng.below(60), redLight: prng.chance(0.2) }),
  },
  {
    subtype: "public_disturbance",
    weight: ({ citizen }) => 0.3 * citizen.traits.risk,
    payload: (prng) => ({ decibels: 60 + prng.below(50) }),
  },
  {
    subtype: "blood_donation",
    weight: ({ citizen }) => 0.2 * citizen.traits.sociability,
    payload: (prng) => ({ millilitres: 400 + prng.below(101) }),
  },
  {
    subtype: "community_award",
    weight: ({ citizen }) => 0.06 * citizen.traits.sociability,
    payload: (prng) => ({ level: prng.pick(["local", "local", "regional", "national"]) }),
  },
];

const ONLINE: readonly Kind[] = [
  {
    subtype: "post_published",
    weight: ({ citizen }) => 4 * citizen.traits.sociability,
    payload: (prng) => ({
      length: 20 + prng.below(900),
      reach: reach(prng),
      topic: prng.pick(["sport", "politics", "food", "music"]),
    }),
  },
  {
    subtype: "post_flagged",
    weight: ({ citizen }) => 0.5 * citizen.traits.risk,
    payload: (prng) => ({ confidence: hundredths(prng.unit()), reach: reach(prng), reports: prng.below(12) }),
  },
  {
    subtype: "review_written",
    weight: () => 0.8,
    payload: (prng) => ({ stars: 1 + prng.below(5), helpfulVotes: Math.floor(prng.exponential(4)) }),
  },
  {
    subtype: "gaming_session",
    weight: ({ citizen }) => 1.2 * (0.3 + citizen.traits.risk),
    payload: (prng) => ({ minutes: Math.floor(prng.logNormal(75, 0.8)) }),
  },
  {
    subtype: "campaign_share",
    weight: ({ burst }) => (burst === undefined ? 0.2 : 12),
    payload: (prng) => ({ campaign: `campaign-${prng.below(5)}`, reach: reach(prng) }),
  },
];

const RELATIONSHIP: readonly Kind[] = [
  {
    subtype: "friend_added",
    weight: () => 1.5,
    payload: (prng, life) => ({ other: other(prng, life, "friends"), relation: "friends" }),
  },
  {
    subtype: "family_care",
    weight: ({ citizen }) => 0.8 * citizen.traits.reliability,
    payload: (prng, life) => ({
      other: other(prng, life, "family"),
      relation: "family",
      hours: tenths(prng.exponential(2)),
    }),
  },
  {
    subtype: "colleague_endorsed",
    weight: ({ citizen, employed }) => (employed ? citizen.traits.reliability : 0),
    payload: (prng, life) => ({
      other: other(prng, life, "colleagues"),
      relation: "colleagues",
      skill: prng.pick(["care", "craft", "code"]),
    }),
  },
  {
    subtype: "dispute_opened",
    weight: ({ citizen }) => 0.3 * citizen.traits.risk,
    payload: (prng, life) => ({ other: other(prng, life, "friends"), relation: "friends" }),
  },
];

const KINDS: Readonly<Record<EventType, readonly Kind[]>> = {
  financial: FINANCIAL,
  social: SOCIAL,
  online: ONLINE,
  relationship: RELATIONSHIP,
};

/** What happens to this citizen now: the kind by traits, mood and work; the details by the citizen's own stream for that type. */
export function happeningOf(eventType: EventType, life: LifeContext): Happening {
  const { prng } = life;
  const kinds = KINDS[eventType];
  const weights = kinds.map((kind) => kind.weight(life));
  let left = prng.unit() * weights.reduce((sum, weight) => sum + weight, 0);
  let place = 0;
  while (place < kinds.length - 1 && left >= (weights[place] as number)) left -= weights[place++] as number;
  const kind = kinds[place] as Kind;
  return {
    eventType,
    eventSubtype: kind.subtype,
    sourceSystem: prng.pick(SYSTEMS[eventType]),
    payload: kind.payload(prng, life),
  };
}

/** Late payments: the less reliable, without work and after gambling more often, after volunteering less. */
function latePaymentWeight({ citizen, employed, afterGambling, afterVolunteering }: LifeContext): number {
  return (
    1.1 *
    (1 - citizen.traits.reliability) *
    (employed ? 1 : 2.5) *
    (1 + 1.5 * afterGambling) *
    (1 - 0.5 * afterVolunteering)
  );
}

function money(prng: Prng, median: number, sigma: number): number {
  return hundredths(prng.logNormal(median, sigma));
}

function shop(prng: Prng): string {
  return prng.chance(0.25) ? `local-${prng.below(90)}` : `chain-${prng.below(12)}`;
}

function bill(prng: Prng): string {
  return prng.pick(["rent", "power", "phone", "water", "loan"]);
}

function reach(prng: Prng): number {
  return Math.floor(prng.logNormal(300, 1.8));
}

function other(
  prng: Prng,
  { relations, index, citizenIDAt }: LifeContext,
  relation: "family" | "colleagues" | "friends",
): string {
  const known = relations[relation][index] ?? [];
  return citizenIDAt(known.length === 0 ? index : prng.pick(known));
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
