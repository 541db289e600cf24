// SPDX-License-Identifier: Apache-2.0
// Agreement with the shared policy vectors: those cases that speak only of what is supported so far.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { isIp, Labels } from "../core/index.ts";
import { reservedIdentityOf, reservedIdentityRows } from "../identity/index.ts";
import { checkEnforceable } from "./enforceable.ts";
import { PolicyEngine } from "./engine/engine.ts";
import { decide } from "./entries/decide.ts";
import { PolicyParseError } from "./errors.ts";
import type { Direction, EnforcementMode } from "./types.ts";

interface VectorNode {
  readonly name: string;
  readonly labels: readonly string[];
  readonly local?: boolean;
  readonly kubeAPIServer?: boolean;
}

interface Flow {
  readonly from: string;
  readonly to: string;
  readonly proto: string;
  readonly port?: number;
  readonly type?: number;
  readonly egress?: string;
  readonly ingress?: string;
}

interface Case {
  readonly id: string;
  readonly title?: string;
  readonly config?: { readonly enforcement?: EnforcementMode; readonly ipv6?: boolean };
  readonly manifests: readonly unknown[];
  readonly rejected?: readonly { readonly manifest: number; readonly reason: string }[];
  readonly endpoints: readonly { readonly name: string; readonly labels: readonly string[] }[];
  readonly nodes?: readonly VectorNode[];
  readonly kubeAPIServer?: readonly string[];
  readonly flows: readonly Flow[];
}

const file = resolve(import.meta.dirname, "../../../shared/interop/policy-vectors.json");
const present = existsSync(file);
const waiting: readonly string[] = ["not-supported", "nodes-disabled"];
const protocols: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, ICMPv6: 58 };

describe("policy vectors", { skip: present ? false : `${file} is not there` }, () => {
  const cases = present ? (JSON.parse(readFileSync(file, "utf8")) as { cases: readonly Case[] }).cases : [];
  const supported = cases.filter((vector) => unsupportedIn(vector) === undefined);
  let compared = 0;
  for (const vector of supported) {
    test(`${vector.id}: ${vector.title ?? ""}`, () => {
      compared += runCase(vector);
    });
  }
  test("cover the first slice; every other case is refused by the name of what is missing", () => {
    assert.ok(supported.length >= 25, `only ${supported.length} cases run`);
    assert.ok(compared >= 300, `only ${compared} flow sides compared`);
    for (const vector of cases) {
      if (!supported.includes(vector))
        assert.match(
          unsupportedIn(vector) ?? "",
          /Section "[^"]+" cannot be enforced|Kind "[^"]+" is no policy|enable-node-selector-labels/,
        );
    }
  });
});

/** Why a case has to wait for later rule kinds; undefined when it can run. */
function unsupportedIn(vector: Case): string | undefined {
  const engine = new PolicyEngine();
  const rejected = new Set(vector.rejected?.map((item) => item.manifest));
  for (const [index, manifest] of vector.manifests.entries()) {
    if (rejected.has(index)) continue;
    try {
      checkEnforceable(engine.parse(manifest));
    } catch (error) {
      if (error instanceof PolicyParseError && waiting.includes(error.reason)) return error.message;
      throw error;
    }
  }
  return undefined;
}

/** Returns how many sides of flows were compared. */
function runCase(vector: Case): number {
  const world = new World(vector);
  let compared = 0;
  for (const flow of vector.flows) {
    for (const direction of ["egress", "ingress"] as const) {
      const expected = flow[direction];
      if (expected === undefined) continue;
      const actual = world.verdict(flow, direction);
      assert.equal(actual, expected, `${direction} of ${JSON.stringify(flow)}`);
      compared++;
    }
  }
  return compared;
}

/** The engine with a case's policies and the identities of everything that its flows name. */
class World {
  readonly #engine: PolicyEngine;
  readonly #identities = new Map<string, { id: number; labels: Labels }>();
  readonly #ipv6: boolean;
  readonly #apiServers: readonly string[];
  #next = 256;

  constructor(vector: Case) {
    this.#engine = new PolicyEngine({ mode: vector.config?.enforcement ?? "default" });
    this.#apiServers = vector.kubeAPIServer ?? [];
    this.#ipv6 = vector.config?.ipv6 ?? true;
    this.#engine.upsertIdentities(reservedIdentityRows());
    for (const { name, labels } of vector.endpoints) this.#add(name, labels);
    for (const node of vector.nodes ?? []) this.#add(node.name, nodeLabels(node));
    const rejected = new Set(vector.rejected?.map((item) => item.manifest));
    for (const [index, manifest] of vector.manifests.entries()) {
      if (!rejected.has(index)) this.#engine.upsertPolicy(manifest);
      else assert.throws(() => this.#engine.upsertPolicy(manifest), PolicyParseError);
    }
  }

  verdict(flow: Flow, direction: Direction): string {
    const local = this.#identityOf(direction === "egress" ? flow.from : flow.to);
    const remote = this.#identityOf(direction === "egress" ? flow.to : flow.from);
    const policy = this.#engine.resolveEndpoint(local.labels, local.id);
    const enforced = direction === "ingress" ? policy.ingressEnforced : policy.egressEnforced;
    if (!enforced) return "allow";
    const protocol = protocols[flow.proto];
    assert.ok(protocol, `protocol ${flow.proto}`);
    return decide(policy.entries, { direction, identity: remote.id, protocol, port: flow.port ?? flow.type ?? 0 })
      .verdict;
  }

  #identityOf(name: string): { id: number; labels: Labels } {
    const known = this.#identities.get(name);
    if (known !== undefined) return known;
    if (name.startsWith("reserved:")) return this.#add(name, [name]);
    assert.ok(isIp(name), `${name} is neither endpoint nor address`);
    const family = name.includes(":") ? "world-ipv6" : "world-ipv4";
    const apiServer = this.#apiServers.includes(name) ? ["reserved:kube-apiserver"] : [];
    return this.#add(name, [`reserved:${this.#ipv6 ? family : "world"}`, ...apiServer]);
  }

  #add(name: string, texts: readonly string[]): { id: number; labels: Labels } {
    const labels = Labels.parse(texts);
    const identity = { id: reservedIdentityOf(labels) ?? this.#next++, labels };
    this.#identities.set(name, identity);
    this.#engine.upsertIdentity(identity);
    return identity;
  }
}

function nodeLabels(node: VectorNode): string[] {
  if (node.local === true) return ["reserved:host"];
  return ["reserved:remote-node", ...(node.kubeAPIServer === true ? ["reserved:kube-apiserver"] : [])];
}
