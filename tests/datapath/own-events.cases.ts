// SPDX-License-Identifier: Apache-2.0
// Events of an endpoint that has options of its own, beside those of one that follows the node's.
import { DropReason, EndpointConfigFlags, TracePoint } from "../../src/abi/index.ts";
import { encodeOwnMonitor, type OwnMonitor } from "../../src/datapath/index.ts";
import { bothFamilies, type Case, fromA, type Step, sent, Verdict } from "./case.ts";
import { TcpFlag, tcp } from "./packet.ts";
import { ingress } from "./rules.ts";
import { podA, podB, type World } from "./world.ts";

const { SYN, ACK, FIN } = TcpFlag;
const nothing = { drop: false, trace: false, policyVerdict: false };
const trace = { kind: "trace" } as const;
const toB = { ...trace, point: TracePoint.TRACE_TO_ENDPOINT, endpoint: podB.id };
const ofA = { ...trace, endpoint: podA.id };
const allowed = ingress(podB, {});
const denied = ingress(podB);

/** The node has this policy for pod B, which decides `own` itself. */
function owning(own: OwnMonitor, policy: (world: World) => void, events?: typeof nothing): (world: World) => void {
  return (world) => {
    policy(world);
    world.endpoint(podB, { flags: EndpointConfigFlags.ENDPOINT_ENFORCE_INGRESS | encodeOwnMonitor(own) });
    world.monitor.setOwnMonitors([own]);
    if (events !== undefined) world.monitor.setEvents(events);
  };
}

export const ownEventCases: readonly Case[] = bothFamilies((words) => {
  const there = (flags: number, more: Partial<Step>): Step => ({
    send: sent(words, podA, podB, tcp({ sport: 4000, dport: 80, flags })),
    into: fromA,
    ...(more.drop === undefined && { verdict: Verdict.REDIRECT }),
    ...more,
  });
  return [
    {
      name: "leaves out what one endpoint does not want, of that endpoint alone",
      steps: [
        there(SYN, {
          change: owning({ trace: false, policyVerdict: false }, allowed),
          events: [ofA],
          missing: [{ kind: "verdict" }, toB],
        }),
      ],
    },
    {
      name: "sends what one endpoint wants where the node wants nothing, of that endpoint alone",
      steps: [
        there(SYN, {
          change: owning({ drop: true }, denied, nothing),
          drop: DropReason.DROP_POLICY,
          silent: ["verdict", "trace"],
        }),
        there(SYN, {
          change: owning({ trace: true, policyVerdict: true }, allowed, nothing),
          events: [toB, { kind: "verdict", endpoint: podB.id }],
          missing: [ofA],
        }),
      ],
    },
    {
      name: "sums up at the level of one endpoint, and others at the node's",
      steps: [
        there(SYN, { change: ({ monitor }) => monitor.setMonitorAggregation("medium"), events: [toB] }),
        there(FIN | ACK, { change: owning({ aggregation: "maximum" }, allowed), silent: ["trace"] }),
        there(ACK, { change: owning({ aggregation: "none" }, allowed), events: [toB], missing: [ofA] }),
      ],
    },
  ];
});
