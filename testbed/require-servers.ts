/** Before each file of server tests: fails it, in words, where it could only time out. */
for (const required of (process.env.TESTBED_REQUIRES ?? "").split(",").filter((text) => text !== "")) {
  const [server, variable] = required.split(":") as [string, string];
  if ((process.env[variable] ?? "") === "")
    throw new Error(
      `${variable} is not set, so the tests of "${server}" can not run. Start it with: npm run testbed -- up ${server} && eval "$(npm run --silent testbed -- env)"; or leave its tests out with TESTBED_SKIP=${server}`,
    );
}

export {};
