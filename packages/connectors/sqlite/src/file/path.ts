import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { StreamError } from "@millrace/core";

/** The absolute path of a database file with all links followed, also where the file is not there yet. */
export function realPathOf(file: string): string {
  if (typeof file !== "string" || file === "" || file === ":memory:" || file.includes("\0"))
    throw new StreamError(
      "E_ARGUMENT",
      `file must be the path of a database file; it is ${JSON.stringify(file)}. A database in memory can not be shared between the connections that topics, tables and checkpoints need`,
    );
  return follow(resolve(file), 0);
}

/** Names the system a path belongs to: sinks and stores with an equal name share one transaction. */
export function systemOf(path: string): string {
  return `sqlite:${path}`;
}

const MAX_LINKS = 40;

function follow(path: string, links: number): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    if (parent === path || links > MAX_LINKS) return path;
    const real = join(follow(parent, links), basename(path));
    // A link whose target is not there yet: SQLite creates the target.
    const isLink = lstatSync(real, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? follow(resolve(dirname(real), readlinkSync(real)), links + 1) : real;
  }
}
