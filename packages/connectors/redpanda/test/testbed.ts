import { testbed as commandLine } from "../../../../testbed/command-line.js";

export { parseEnv } from "../../../../testbed/command-line.js";

/** The testbed's command line, for brokers of our own: `env` gives them other ports and another folder. */
export function testbed(env: Readonly<Record<string, string>>): ReturnType<typeof commandLine> {
  return commandLine("kafka", env);
}
