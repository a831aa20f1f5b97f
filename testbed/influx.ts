import { chmod, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CACHE, port } from "./paths.js";
import type { Server } from "./server.js";
import { buildOnce, run, writeAt } from "./shell.js";

const VERSION = "v2.7.12";
const FOLDER = `influxd-${VERSION}`;
/** For tests only, on loopback: known so that a restarted test finds its server set up. */
export const INFLUX_TOKEN = "millrace-testbed-token";
const ORG = "millrace";

export function influx(): Server {
  const httpPort = port("INFLUX_PORT", 18_086);
  const url = `http://127.0.0.1:${httpPort}`;
  return {
    name: "influx",
    product: "InfluxDB 2",
    buildSeconds: 660,
    readySeconds: 60,
    build: async (progress) => {
      await buildOnce(FOLDER, (dir) => buildInfluxd(dir, progress));
    },
    prepare: async (dir) => {
      await mkdir(dir, { recursive: true });
      return {
        command: join(CACHE, FOLDER, "influxd"),
        args: [
          "run",
          "--http-bind-address",
          `127.0.0.1:${httpPort}`,
          "--bolt-path",
          join(dir, "influxd.bolt"),
          "--sqlite-path",
          join(dir, "influxd.sqlite"),
          "--engine-path",
          join(dir, "engine"),
          "--reporting-disabled",
          "--log-level",
          "warn",
        ],
        afterReady: () => setUp(url),
      };
    },
    ready: async () => {
      try {
        return (await fetch(`${url}/health`)).ok;
      } catch {
        return false;
      }
    },
    env: () => ({ INFLUX_URL: url, INFLUX_TOKEN, INFLUX_ORG: ORG }),
  };
}

/** The first user; a second call is answered 422 and changes nothing. */
async function setUp(url: string): Promise<void> {
  const response = await fetch(`${url}/api/v2/setup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      username: "millrace",
      password: "millrace-testbed",
      org: ORG,
      bucket: "default",
      token: INFLUX_TOKEN,
    }),
  });
  if (response.status !== 201 && response.status !== 422)
    throw new Error(`influxd can not be set up: ${response.status} ${await response.text()}`);
}

/** influxd itself, from its Go module; libflux inside it is Rust. */
async function buildInfluxd(dir: string, progress: (line: string) => void): Promise<void> {
  const onLine = (line: string): void => progress(line.slice(0, 100));
  const gopath = (await run("go", ["env", "GOPATH"])).trim();
  progress("go: pkg-config wrapper");
  await run("go", ["install", "github.com/influxdata/pkg-config@latest"], { onLine });
  const source = join(dir, "source");
  await writeAt(
    join(source, "go.mod"),
    `module millrace-testbed\n\ngo 1.23\n\nrequire github.com/influxdata/influxdb/v2 ${VERSION}\n`,
  );
  // libflux denies warnings, and a newer compiler warns of more: cap them, for the host build as well.
  const wrapper = join(source, "rustc-cap.sh");
  await writeAt(
    wrapper,
    '#!/bin/sh\nrustc="$1"; shift\ncase " $* " in *" --cap-lints "*) exec "$rustc" "$@";; *) exec "$rustc" "$@" --cap-lints warn;; esac\n',
  );
  await chmod(wrapper, 0o755);
  progress("go: modules");
  await run("go", ["get", `github.com/influxdata/influxdb/v2/cmd/influxd@${VERSION}`], { cwd: source, onLine });
  progress("go and cargo: compiling (about 10 minutes)");
  const env = {
    PKG_CONFIG: join(gopath, "bin", "pkg-config"),
    CGO_ENABLED: "1",
    RUSTUP_TOOLCHAIN: "stable",
    RUSTC_WRAPPER: wrapper,
  };
  await run(
    "go",
    [
      "build",
      "-p",
      "2",
      "-trimpath",
      "-tags",
      "sqlite_foreign_keys,sqlite_json",
      "-ldflags",
      `-s -w -X main.version=${VERSION}`,
      "-o",
      join(source, "influxd"),
      "github.com/influxdata/influxdb/v2/cmd/influxd",
    ],
    { cwd: source, env, onLine },
  );
  await copyFile(join(source, "influxd"), join(dir, "influxd"));
}
