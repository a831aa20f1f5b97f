import { join } from "node:path";
import { buildOnce, run, writeAt } from "./shell.js";

/** The jars of some Maven artifacts with everything they need, in one folder of the cache. */
export function mavenJars(
  name: string,
  artifacts: readonly (readonly [group: string, artifact: string, version: string])[],
  progress: (line: string) => void,
): Promise<string> {
  return buildOnce(name, async (dir) => {
    progress("fetching jars by Maven");
    const dependencies = artifacts.map(
      ([group, artifact, version]) =>
        `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
    );
    await writeAt(
      join(dir, "pom.xml"),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>dev.millrace</groupId><artifactId>testbed</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join("")}</dependencies></project>\n`,
    );
    await run(
      "mvn",
      [
        "-q",
        "-B",
        "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
        `-DoutputDirectory=${join(dir, "lib")}`,
        "-DincludeScope=runtime",
      ],
      { cwd: dir },
    );
  });
}
