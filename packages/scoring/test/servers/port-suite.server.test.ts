import { afterAll } from "vitest";
import { ServerPorts } from "../../src/servers/server-ports.js";
import { portSuite } from "../../src/testing/port-suite.js";
import { dropNamespace, emptyNamespace, freshNamespace, servers } from "./namespaces.js";

const namespace = freshNamespace("suite");
afterAll(() => dropNamespace(namespace));

portSuite("on servers", async ({ profiles, configuration, rules }) => {
  const citizens = profiles.map((profile, i) => ({ profile, nationalID: `SIM-${i}`, name: "Somebody" }));
  const ports = await ServerPorts.open({
    servers,
    namespace,
    configuration,
    rules,
    citizens,
    partitions: 1,
    // The suite's rows are of 1970.
    retention: { rawEvents: "forever", derivedMetrics: "forever" },
  });
  const teardown = async (): Promise<void> => {
    await ports.close();
    await emptyNamespace(namespace);
  };
  return { ports, contents: ports.contents, teardown };
});
