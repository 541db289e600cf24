// SPDX-License-Identifier: Apache-2.0
// The flows of the shared policy vectors through the real programs, with the sets that the engine makes of the policies:
// verdict, drop reason and rule cookie of each side. What needs a proxy or authentication is dropped, and said to be.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { DropReason, EndpointConfigFlags } from "../../src/abi/index.ts";
import { Identity } from "../../src/identity/index.ts";
import {
  CaseWorld,
  type Direction,
  decide,
  type EndpointPolicy,
  type PolicyCase,
  readCases,
} from "../../src/policy/index.ts";
import { type Hook, Verdict } from "./case.ts";
import { echo, ipFrame, type Payload, sctp, tcp, udp } from "./packet.ts";
import { enter } from "./run.ts";
import { internet, podA, podB, router, World } from "./world.ts";

const file = resolve(import.meta.dirname, "../../../shared/interop/policy-vectors.json");
const present = existsSync(file);
const protocols: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, ICMPv6: 58 };
const mac = { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" };

/** A flow of a case with what it expects. */
type Flow = PolicyCase["flows"][number] & Readonly<Record<string, unknown>>;

/** One side of a flow, as the programs see it. */
interface Side {
  readonly direction: Direction;
  readonly expected: string;
  readonly remote: number;
  readonly protocol: number;
  readonly port: number;
}

describe("policy vectors through the programs", { skip: present ? false : `${file} is not there` }, () => {
  let world: World;
  before(() => {
    world = new World();
  });
  after(() => world[Symbol.dispose]());

  const cases = present ? readCases(readFileSync(file, "utf8"), file) : [];
  let sides = 0;
  for (const vector of cases) {
    test(`${vector.id}: ${vector.title ?? ""}`, () => {
      sides += runCase(world, vector);
    });
  }
  test("most sides of the cases were sent", () => assert.ok(sides > 1200, `${sides} sides`));
});

/** Returns how many sides were sent. */
function runCase(world: World, vector: PolicyCase): number {
  const cluster = new CaseWorld(vector, true);
  let sent = 0;
  for (const direction of ["ingress", "egress"] as const) {
    const local = (flow: Flow) => (direction === "ingress" ? flow.to : flow.from);
    const flows = (vector.flows as readonly Flow[]).filter((flow) => isNewFlow(flow) && flow[direction] !== undefined);
    for (const [name, some] of Map.groupBy(flows, local)) {
      const { identity, subject } = cluster.end(name);
      // The host's own policies are asked elsewhere in the programs (host-firewall.cases.ts).
      if (subject === undefined || identity === Identity.host) continue;
      const policy = cluster.engine.resolveEndpoint(subject, identity);
      world.reset();
      enforce(world, policy, direction);
      for (const flow of some) {
        const remote = cluster.end(direction === "ingress" ? flow.from : flow.to).identity;
        sendSide(world, policy, sideOf(flow, direction, remote), sent++);
      }
    }
  }
  return sent;
}

/** ICMP messages other than requests begin no flow. */
function isNewFlow({ proto, type }: Flow): boolean {
  return type === undefined || (proto === "ICMP" ? type === 8 : type === 128);
}

function sideOf(flow: Flow, direction: Direction, remote: number): Side {
  const protocol = protocols[flow.proto] ?? assert.fail(`protocol ${flow.proto}`);
  const expected = flow[`${direction}Auth`] === "required" ? "auth" : String(flow[direction]);
  return { direction, expected, remote, protocol, port: flow.port ?? flow.type ?? 0 };
}

function enforce(world: World, policy: EndpointPolicy, direction: Direction): void {
  const [pod, set, flags] =
    direction === "ingress"
      ? [podB, podB.ingressSet, policy.ingressEnforced ? EndpointConfigFlags.ENDPOINT_ENFORCE_INGRESS : 0]
      : [podA, podA.egressSet, policy.egressEnforced ? EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS : 0];
  world.endpoint(pod, { flags });
  world.policySet(
    set,
    policy.entries.filter((entry) => entry.direction === direction),
  );
}

/** Sends a side's packet as a new flow (`number` makes it one), and compares what becomes of it. */
function sendSide(world: World, policy: EndpointPolicy, side: Side, number: number): void {
  const { into, send } = packetOf(world, side, 1024 + (number % 60000));
  const { program, ctx } = enter(world, into);
  const { retval } = program.testRun({ data: send, ctx, outputSize: send.length + 256 });
  const events = world.takeEvents();
  const what = `${JSON.stringify(side)}\n${events.map(({ kind }) => kind).join(" ")}`;
  const { direction, expected, remote: identity, protocol, port } = side;
  assert.equal(retval !== Verdict.DROP, expected === "allow", what);
  const enforced = direction === "ingress" ? policy.ingressEnforced : policy.egressEnforced;
  const verdict = events.find(({ kind }) => kind === "verdict");
  if (!enforced) {
    assert.equal(verdict, undefined, what);
    return;
  }
  const { cookie } = decide(policy.entries, { direction, identity, protocol, port });
  assert.ok(verdict !== undefined && "cookie" in verdict && "remoteIdentity" in verdict, what);
  assert.deepEqual([verdict.cookie, verdict.remoteIdentity], [cookie, identity], what);
  const reasons = events.flatMap((event) => (event.kind === "drop" ? [event.reason] : []));
  assert.deepEqual(reasons, expected === "allow" ? [] : [dropReason(expected, cookie)], what);
}

function dropReason(expected: string, cookie: number): number {
  if (expected === "redirect") return DropReason.DROP_PROXY_UNSUPPORTED;
  if (expected === "auth") return DropReason.DROP_AUTH_REQUIRED;
  return cookie === 0 ? DropReason.DROP_POLICY : DropReason.DROP_POLICY_DENY;
}

/** Ingress identities come with the mark, egress ones from the ipcache; the host is known by its own address. */
function packetOf(world: World, side: Side, sport: number): { readonly into: Hook; readonly send: Uint8Array } {
  const family = side.protocol === 58 ? 6 : 4;
  const ip = (of: { readonly ipv4: string; readonly ipv6: string }) => (family === 4 ? of.ipv4 : of.ipv6);
  const isHost = side.remote === Identity.host;
  const peer = ip(isHost ? router : internet);
  const payload = payloadOf(side, family, sport);
  if (side.direction === "egress") {
    if (!isHost) world.ipcache(peer, { identity: side.remote });
    const ethernet = { source: podA.mac, destination: podA.nodeMac };
    return {
      into: { at: "from-pod", pod: podA },
      send: ipFrame(ethernet, { source: ip(podA), destination: peer }, payload),
    };
  }
  const mark = isHost ? 0 : ((side.remote & 0xffff) << 16) | 0x0f00 | ((side.remote >> 16) & 0xff);
  const into: Hook = { at: "to-pod", pod: podB, mark: mark >>> 0 };
  return { into, send: ipFrame(mac, { source: peer, destination: ip(podB) }, payload) };
}

function payloadOf({ protocol, port }: Side, family: 4 | 6, sport: number): Payload {
  if (protocol === 6) return tcp({ sport, dport: port, flags: 2 });
  if (protocol === 17) return udp({ sport, dport: port });
  return protocol === 132 ? sctp({ sport, dport: port }) : echo(family, "request", sport);
}
