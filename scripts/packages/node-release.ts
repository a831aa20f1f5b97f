import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { command } from "./command.js";

/** Outside the clone, so that the next clone finds it; when it is missing, everything in it is fetched and built again. */
export const CACHE: string = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "millrace-testbed");

/** One Node.js to try the packages on: its program, and the headers that native modules are compiled against. */
export interface NodeRelease {
  readonly major: number;
  readonly program: string;
  readonly nodedir: string | undefined;
}

/** The Node.js that runs this, or a release of another major from the npm registry. */
export function nodeRelease(major: number): NodeRelease {
  if (Number.parseInt(process.versions.node, 10) === major) {
    return { major, program: process.execPath, nodedir: process.env.npm_config_nodedir };
  }
  const name = `node-${process.platform}-${process.arch}`;
  const dir = join(CACHE, `node-${major}`);
  const nodedir = join(dir, "node_modules", name);
  const program = join(nodedir, "bin", "node");
  if (!existsSync(program)) {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "package.json"), '{ "private": true }\n');
    command("npm", ["install", "--ignore-scripts", "--no-package-lock", `${name}@${major}`], { cwd: dir });
  }
  return { major, program, nodedir };
}

/** The environment in which `npm` and install scripts run on this release and compile against its headers. */
export function environmentOf({ program, nodedir }: NodeRelease): NodeJS.ProcessEnv {
  // What `npm run` sets for its own scripts (its node, its project) must not reach an npm of another Node.js.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_registry)/i.test(name));
  return {
    ...Object.fromEntries(inherited),
    PATH: `${dirname(program)}${delimiter}${process.env.PATH}`,
    ...(nodedir === undefined ? {} : { npm_config_nodedir: nodedir }),
  };
}
