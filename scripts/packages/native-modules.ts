import { cpSync, existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { command } from "./command.js";
import { CACHE, environmentOf, type NodeRelease } from "./node-release.js";

/** Modules with native code, and the file that compiling each of them makes. */
const NATIVE_MODULES = [{ name: "better-sqlite3", product: "build/Release/better_sqlite3.node" }] as const;

/** Compiles what a scratch project's native modules need for its Node.js, or takes it from an earlier run. */
export function buildNativeModules(project: string, node: NodeRelease): void {
  for (const { name, product } of NATIVE_MODULES) {
    const dir = join(project, "node_modules", name);
    if (!existsSync(dir)) continue;
    const { version } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
    const cached = join(
      CACHE,
      "native",
      `${name}-${version}-node-${node.major}-${process.platform}-${process.arch}.node`,
    );
    const built = join(dir, product);
    if (existsSync(cached)) {
      mkdirSync(dirname(built), { recursive: true });
      cpSync(cached, built);
      continue;
    }
    // From source: a prebuilt binary comes from a host that not every machine reaches.
    const env = { ...environmentOf(node), npm_config_build_from_source: "true" };
    command("npm", ["rebuild", "--foreground-scripts", name], { cwd: project, env });
    mkdirSync(dirname(cached), { recursive: true });
    const unfinished = `${cached}.${process.pid}`;
    cpSync(built, unfinished);
    renameSync(unfinished, cached);
  }
}
