// SPDX-License-Identifier: Apache-2.0
// Peers whose identity the policy sets do not know yet have a drop reason of their own, for as long as they do not.
import { DropReason, KNOWN_IDENTITIES_COMPLETE } from "../../src/abi/index.ts";
import { bothFamilies, type Case, fromA, sent, Verdict } from "./case.ts";
import { tcp } from "./packet.ts";
import { all, egress, ingress } from "./rules.ts";
import { cidrHost, podA, podB, podC, u32le, type World } from "./world.ts";

const syn = tcp({ sport: 4000, dport: 80, flags: 2 });
const toOther = { identity: podC.identity };

/** These, and no others; without the mark that all are in, nobody counts as unknown. */
function known(identities: readonly number[], complete = true): (world: World) => void {
  return (world) => {
    const map = world.map("cilium_identities");
    map.clear();
    for (const key of [...identities, ...(complete ? [KNOWN_IDENTITIES_COMPLETE] : [])])
      map.update(u32le(key), u32le(0));
  };
}

export const identityCases: readonly Case[] = bothFamilies((words) => {
  const send = sent(words, podA, podB, syn);
  const step = { send, into: fromA };
  const unknown = DropReason.DROP_UNKNOWN_IDENTITY;
  return [
    {
      name: "threats: a peer that the sets do not know yet is not called denied, and is let in once they do",
      steps: [
        {
          change: all(ingress(podB, toOther), known([podC.identity])),
          ...step,
          drop: unknown,
          events: [
            { kind: "verdict", endpoint: podB.id, remoteIdentity: podA.identity, verdict: -unknown },
            { kind: "drop", endpoint: podB.id, sourceIdentity: podA.identity, destinationIdentity: podB.identity },
          ],
        },
        { change: known([podA.identity, podC.identity]), ...step, drop: DropReason.DROP_POLICY },
        { change: ingress(podB, { identity: podA.identity }), ...step, verdict: Verdict.REDIRECT },
      ],
    },
    {
      name: "calls a destination that the sets do not know yet unknown",
      steps: [{ change: all(egress(podA, toOther), known([podC.identity])), ...step, drop: unknown }],
    },
    {
      name: "calls nobody unknown before all identities are in",
      steps: [
        { change: all(ingress(podB, toOther), known([podC.identity], false)), ...step, drop: DropReason.DROP_POLICY },
      ],
    },
    {
      name: "calls nobody unknown whom this node numbers itself",
      steps: [
        {
          change: all(egress(podA, toOther), known([podC.identity])),
          send: sent(words, podA, cidrHost, syn),
          into: fromA,
          drop: DropReason.DROP_POLICY,
        },
      ],
    },
    {
      name: "lets rules about anybody hold for peers that the sets do not know yet",
      steps: [
        {
          change: all(ingress(podB, { deny: true, cookie: 7 }), known([podC.identity])),
          ...step,
          drop: DropReason.DROP_POLICY_DENY,
        },
        { change: (world) => world.policySet(podB.ingressSet, []), ...step, drop: unknown },
        { change: ingress(podB, { cookie: 8 }), ...step, verdict: Verdict.REDIRECT },
      ],
    },
  ];
});
