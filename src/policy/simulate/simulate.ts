// SPDX-License-Identifier: Apache-2.0
// Answers cases with the agent's own engine: each side of each flow, and what decided it.
import { EntryIndex } from "../entries/decide.ts";
import { IpProtocol } from "../protocols.ts";
import { type Direction, directions, type EndpointPolicy, type PolicyEntry, type PolicyFlow } from "../types.ts";
import { l7Answer } from "./l7.ts";
import type { CaseAnswer, CaseFlow, FlowAnswer, PolicyCase, RuleAnswer, SideAnswer } from "./types.ts";
import { type FlowEnd, World } from "./world.ts";

const protocols: ReadonlyMap<string, number> = new Map([
  ["TCP", IpProtocol.tcp],
  ["UDP", IpProtocol.udp],
  ["SCTP", IpProtocol.sctp],
  ["ICMP", IpProtocol.icmp],
  ["ICMPV6", IpProtocol.icmpv6],
]);

/**
 * Answers one case. Throws for ends and protocols that it does not know. Objects are read as Cilium's engine reads them;
 * with `strict` as the agent does, which refuses unknown fields and null.
 */
export function simulateCase(vector: PolicyCase, { strict = false } = {}): CaseAnswer {
  const simulation = new Simulation(vector, !strict);
  return {
    id: vector.id,
    rejected: simulation.world.rejected,
    flows: vector.flows.map((flow) => simulation.answer(flow)),
  };
}

interface Subject {
  readonly policy: EndpointPolicy;
  readonly index: EntryIndex;
}

/** A case's world, with the policies of the ends that were asked for. */
class Simulation {
  readonly world: World;
  readonly #case: PolicyCase;
  readonly #subjects = new Map<FlowEnd, Subject>();

  constructor(vector: PolicyCase, lenient: boolean) {
    this.#case = vector;
    this.world = new World(vector, lenient);
  }

  answer(flow: CaseFlow): FlowAnswer {
    const [from, to] = [this.world.end(flow.from), this.world.end(flow.to)];
    const answer: { [direction in Direction]?: SideAnswer } = {};
    for (const direction of directions) {
      const [local, remote] = direction === "egress" ? [from, to] : [to, from];
      if (local.subject !== undefined) answer[direction] = this.#side(local, remote, flow, direction);
    }
    return answer;
  }

  #side(local: FlowEnd, remote: FlowEnd, flow: CaseFlow, direction: Direction): SideAnswer {
    const { policy, index } = this.#subject(local);
    if (policy.error !== undefined) return { verdict: "error", rule: { error: policy.error } };
    const enforced = direction === "ingress" ? policy.ingressEnforced : policy.egressEnforced;
    if (!enforced) return { verdict: "allow", rule: { default: "allow" } };
    const protocol = protocols.get(flow.proto.toUpperCase());
    if (protocol === undefined)
      throw new Error(`Cannot use protocol "${flow.proto}" (one of TCP, UDP, SCTP, ICMP, ICMPv6)`);
    const asked: PolicyFlow = { direction, identity: remote.identity, protocol, port: flow.port ?? flow.type ?? 0 };
    const entry = index.find(asked);
    const rule = this.#rule(local, asked, entry, policy);
    if (entry === undefined || entry.verdict !== "allow") return { verdict: "deny", rule };
    const auth = entry.authType === 1 ? "required" : entry.authType === 2 ? "always-fail" : undefined;
    return {
      verdict: entry.l7 === undefined ? "allow" : "redirect",
      rule,
      ...(entry.l7 === undefined ? {} : { l7: l7Answer(entry.l7, this.#case) }),
      ...(auth === undefined ? {} : { auth }),
    };
  }

  #rule(local: FlowEnd, flow: PolicyFlow, entry: PolicyEntry | undefined, policy: EndpointPolicy): RuleAnswer {
    const origin = this.world.engine.ruleOf(entry?.cookie ?? 0);
    if (origin !== undefined) return { policy: origin.policy, section: origin.section, kind: origin.kind };
    if (entry?.verdict === "allow") return { default: "allow" };
    const { identity: remoteIdentity, ...rest } = flow;
    const why = this.world.engine.explainDrop({ ...rest, localIdentity: local.identity, remoteIdentity });
    return "by" in why ? why : { default: "deny", by: policy.defaultDenyBy[flow.direction] };
  }

  #subject(end: FlowEnd): Subject {
    let subject = this.#subjects.get(end);
    if (subject === undefined && end.subject !== undefined) {
      const policy = this.world.engine.resolveEndpoint(end.subject, end.identity);
      subject = { policy, index: new EntryIndex(policy.entries) };
      this.#subjects.set(end, subject);
    }
    if (subject === undefined) throw new Error("Cannot resolve a subject without labels");
    return subject;
  }
}
