import type { Logger, SourceContext } from "../connector.js";
import { systemClock } from "../time/clock.js";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * What a run gives its connectors, for tests that drive a connector without a run: the system clock, a silent logger and a signal
 * that never ends, unless given. It fits where a RuntimeContext or a SourceContext is asked for.
 *
 * @example
 * ```ts
 * import { intervalSource } from "@millrace/core";
 * import { testContext, virtualClock } from "@millrace/core/testing";
 * const connection = await intervalSource("1s").connect(testContext({ clock: virtualClock() }));
 * ```
 */
export function testContext(given: Partial<SourceContext> = {}): SourceContext {
  return {
    topology: "test",
    signal: new AbortController().signal,
    clock: systemClock,
    random: Math.random,
    logger: silent,
    taskMode: "one",
    startAt: "earliest",
    ...given,
  };
}
