// SPDX-License-Identifier: Apache-2.0
// Connections that their opener opens again: policy is asked about who is at the other end, not about what answers said.
import { DropReason, EndpointConfigFlags } from "../../src/abi/index.ts";
import { arriving, bothFamilies, type Case, fromA, type Step, sent, Verdict } from "./case.ts";
import { TcpFlag, tcp } from "./packet.ts";
import { egress } from "./rules.ts";
import { podA, router, type World } from "./world.ts";

const { SYN, ACK } = TcpFlag;

export const reopenedCases: readonly Case[] = bothFamilies((words) => {
  const request = (flags: number) => ({
    send: sent(words, podA, router, tcp({ sport: 40_000, dport: 80, flags })),
    into: fromA,
  });
  const passes = (flags: number): Step => ({ ...request(flags), verdict: Verdict.PASS });
  const denied = (flags: number): Step => ({ ...request(flags), drop: DropReason.DROP_POLICY });
  const onlyWorld = (world: World): void => {
    egress(podA, { identity: words.world })(world);
    world.endpoint(podA, { flags: EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS, policyRevision: 2 });
  };
  const answer = (flags: number): Step => ({
    // The stack forwarded it: the node publishes the port for somebody else.
    send: arriving(words, router, podA, tcp({ sport: 80, dport: 40_000, flags })),
    into: { at: "to-pod", pod: podA, mark: 0x0f00 | (words.world << 16) },
    verdict: Verdict.PASS,
  });
  return [
    {
      name: "threats: a connection to the node that policy denies now ends, also when the answer comes first",
      steps: [
        passes(SYN),
        answer(SYN | ACK),
        passes(ACK),
        { ...answer(ACK), change: onlyWorld },
        denied(ACK),
        denied(SYN),
      ],
    },
    {
      name: "threats: a denied connection to the node does not open again as one to whoever answered from its port",
      steps: [passes(SYN), answer(SYN | ACK), passes(ACK), { ...denied(ACK), change: onlyWorld }, denied(SYN)],
    },
  ];
});
