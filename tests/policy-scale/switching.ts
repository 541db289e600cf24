// SPDX-License-Identifier: Apache-2.0
// Policies that allow and deny the same in different ways, switched again and again while a process asks.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AskOrder, AskReport } from "./ask.ts";
import { appLabels, type ClusterSize, identities, identityOf } from "./cluster.ts";
import { Rig } from "./rig.ts";

const size: ClusterSize = { namespaces: 2, apps: 8, policies: 1 };
/** Two endpoints, which the policy `both` selects; `one` selects the first. */
const subjects = [identityOf(size, 0, 1), identityOf(size, 0, 5)] as const;
const tierOfBoth = { tier: "tier1" };
const [friend, enemy] = [identityOf(size, 0, 2), identityOf(size, 0, 3)];
const [allowedPort, deniedPort] = [80, 90];

/** The friend has entries, the enemy has none. */
const named = { ingress: [{ fromEndpoints: [{ matchLabels: { app: "app2" } }], toPorts: tcp(allowedPort) }] };
/** Anybody may, the friend too without being named, but not the enemy. */
const anybody = {
  ingress: [{ fromEntities: ["all"], toPorts: [{ ports: [{ port: "64", endPort: 89, protocol: "TCP" }] }] }],
  ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: "app3" } }] }],
};

/** Each step leaves it at: the friend may ask one port of both endpoints and no other, the enemy none. */
const steps: readonly ((rig: Rig) => void)[] = [
  (rig) => put(rig, "both", tierOfBoth, named),
  (rig) => put(rig, "one", { app: "app1" }, anybody),
  (rig) => put(rig, "both", tierOfBoth, anybody),
  (rig) => void rig.engine.deletePolicy("CiliumNetworkPolicy/ns0/one"),
];

/** Counts of decisions for each endpoint, while policies were switched `count` times. Takes a second or two for 1,000. */
export async function switchUnderQuestions(count: number): Promise<AskReport> {
  await using rig = new Rig(4096);
  await rig.start();
  await rig.addEndpoints(subjects.map((id, index) => ({ id, labels: appLabels(0, index === 0 ? 1 : 5) })));
  rig.engine.upsertIdentities(identities(size));
  for (const step of steps) step(rig);
  await rig.timed(() => rig.open());
  const questions = (identity: number, port: number) =>
    [...rig.table.all()].map(({ id }) => ({ set: 0, endpoint: id, identity, protocol: 6, port }));
  const { peers, ports, endpoints } = rig.maps;
  const asking = await ask({
    maps: { peers: peers.id, ports: ports.id, endpoints: endpoints.id },
    allowed: questions(friend, allowedPort),
    denied: [...questions(friend, deniedPort), ...questions(enemy, allowedPort)],
  });
  for (let n = 0; n < count; n++) {
    await rig.timed(() => steps[n % steps.length]?.(rig));
    // Now and then long enough for what is old to be freed.
    if (n % 1000 === 999) await sleep(2500);
  }
  return await asking.stop();
}

async function ask(order: AskOrder): Promise<{ stop: () => Promise<AskReport> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "ask.ts"), JSON.stringify(order)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let output = "";
  const asking = Promise.withResolvers<void>();
  child.stdout.setEncoding("utf8").on("data", (data: string) => {
    output += data;
    asking.resolve();
  });
  await Promise.race([asking.promise, closed]);
  return {
    stop: async () => {
      child.stdin.end();
      await closed;
      return JSON.parse(output) as AskReport;
    },
  };
}

function put(rig: Rig, name: string, matchLabels: object, rules: object): void {
  rig.engine.upsertPolicy({
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name, namespace: "ns0" },
    spec: { endpointSelector: { matchLabels }, ...rules },
  });
}

function tcp(port: number): object[] {
  return [{ ports: [{ port: String(port), protocol: "TCP" }] }];
}
