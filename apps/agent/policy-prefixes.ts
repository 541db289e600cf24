// SPDX-License-Identifier: Apache-2.0
// Wires the prefixes of policies: what they ask of the engine, the endpoints and the nodes, and where they are kept.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger, type Module, type ReadonlyTable, systemClock, toError } from "../../src/core/index.ts";
import type { EndpointRow } from "../../src/endpoint/index.ts";
import { LocalIdentities } from "../../src/identity/index.ts";
import { PolicyPrefixes, type PolicyPrefixState } from "../../src/ipcache/index.ts";
import { cidrLabel, type PolicyEngine, type PolicyRow } from "../../src/policy/index.ts";
import type { Cluster } from "./cluster.ts";

const log = createLogger("policy-prefixes");
const fileName = "policy-prefixes.json";
/** How often identities that may go are looked for, ms. */
const sweepMs = 10_000;

export interface PolicyPrefixModuleDeps {
  readonly engine: PolicyEngine;
  readonly cluster: Pick<Cluster, "identityTable" | "claims" | "nodes">;
  readonly policies: ReadonlyTable<PolicyRow, string>;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly families: readonly (4 | 6)[];
  /** Folder of the file that keeps numbers over a restart. */
  readonly directory: string;
}

export interface PolicyPrefixModule extends Module {
  /** To be called when endpoints begin to follow the policies in force. */
  open(): void;
  /** To be called when what policies refer to has changed. */
  changed(): void;
}

/** Makes the module; to be started before the ipcache is reconciled. */
export function createPolicyPrefixModule(deps: PolicyPrefixModuleDeps): PolicyPrefixModule {
  const { engine, cluster, endpoints, policies } = deps;
  const { nodes } = cluster;
  const prefixes = new PolicyPrefixes(
    {
      identities: new LocalIdentities(cluster.identityTable),
      ipcache: cluster.claims,
      clock: systemClock,
      label: cidrLabel,
      wanted: () => engine.prefixes(),
      podPrefixes: () =>
        [...nodes.all()].flatMap(({ ipv4PodCidr, ipv6PodCidr }) =>
          [ipv4PodCidr, ipv6PodCidr].filter((prefix) => prefix !== undefined),
        ),
      settled: () => [...endpoints.all()].every(isSettled),
      learn: (rows) => engine.upsertIdentities(rows),
      save: (state) => save(deps.directory, state),
    },
    { families: deps.families },
  );
  const watches: Disposable[] = [];
  let sweep: NodeJS.Timeout | undefined;
  return {
    name: "policy-prefixes",
    async start() {
      const state = load(deps.directory);
      if (state !== undefined) prefixes.restore(state);
      watches.push(policies.onChange(() => prefixes.changed()));
      watches.push(nodes.onChange(() => prefixes.changed()));
      watches.push(endpoints.onChange(() => prefixes.advance()));
      sweep = setInterval(() => prefixes.advance(), sweepMs);
    },
    async stop() {
      clearInterval(sweep);
      for (const watch of watches.splice(0)) watch[Symbol.dispose]();
    },
    health: () => prefixes.health(),
    open: () => prefixes.open(),
    changed: () => prefixes.changed(),
  };
}

/** Whether the kernel has the endpoint's policy as it is in force, or never had one. */
export function isSettled({ phase, status }: EndpointRow): boolean {
  return phase !== "restoring" && !(phase === "active" && status.kind === "pending");
}

/** Numbers that cannot be read are given anew: then flows to prefixes may be denied until all endpoints know them. */
function load(directory: string): PolicyPrefixState | undefined {
  const path = join(directory, fileName);
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as PolicyPrefixState;
  } catch (error) {
    log.warn("Cannot read the identities of prefixes, new ones are given", { path, error: toError(error).message });
    return undefined;
  }
}

function save(directory: string, state: PolicyPrefixState): void {
  const temporary = join(directory, `.${fileName}.tmp`);
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(temporary, JSON.stringify(state), { mode: 0o600, flush: true });
    renameSync(temporary, join(directory, fileName));
  } catch (error) {
    log.warn("Cannot keep the identities of prefixes, a restart gives new ones", { error: toError(error).message });
  }
}
