import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, execute } from "./process.js";

/** Outside of the clone, so that a fresh one need not build again. */
const CACHE = join(homedir(), ".cache", "millrace-testbed");
const BENCHMARKS = fileURLToPath(new URL("..", import.meta.url));
const BUILT = ".built";

/** The process of go-streams, built once. Rejects where Go is missing. */
export async function goStreams(): Promise<Command> {
  await requireTool("go", ["version"], "Go is not installed");
  const folder = await built("go-streams", async (into) => {
    await execute("go", ["build", "-o", "bench", "."], into);
  });
  return { file: join(folder, "bench"), args: [] };
}

/** The process of Flink, built once. Rejects where Java or Maven are missing. */
export async function flink(): Promise<Command> {
  await requireTool("java", ["-version"], "Java is not installed");
  await requireTool("mvn", ["-v"], "Maven is not installed");
  const folder = await built("flink", async (into) => {
    await execute("mvn", ["-q", "-B", `-Dmaven.repo.local=${join(CACHE, "maven")}`, "compile"], into);
  });
  const target = join(folder, "target");
  const opens = ["java.base/java.util", "java.base/java.lang"].flatMap((name) => [
    "--add-opens",
    `${name}=ALL-UNNAMED`,
  ]);
  const classes = `${join(target, "classes")}:${join(target, "lib")}/*`;
  return { file: "java", args: ["-Xmx3g", ...opens, "-cp", classes, "bench.Main"] };
}

async function requireTool(file: string, args: readonly string[], missing: string): Promise<void> {
  await execute(file, args).catch((cause) => {
    throw new Error(missing, { cause });
  });
}

/** A copy of the sources in the cache, by their content, built if it is not there yet. */
async function built(name: string, build: (folder: string) => Promise<void>): Promise<string> {
  const source = join(BENCHMARKS, name);
  const folder = join(CACHE, `bench-${name}-${contentHash(source)}`);
  if (existsSync(join(folder, BUILT))) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  cpSync(source, unfinished, { recursive: true });
  await build(unfinished);
  writeFileSync(join(unfinished, BUILT), "");
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
  return folder;
}

function contentHash(folder: string): string {
  const hash = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map((file) => join(file.parentPath, file.name)).sort())
    hash.update(path.slice(folder.length)).update(readFileSync(path));
  return hash.digest("hex").slice(0, 12);
}
