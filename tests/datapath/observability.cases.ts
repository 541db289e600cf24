// SPDX-License-Identifier: Apache-2.0
// Counters, and which events are sent at which aggregation level.
import assert from "node:assert/strict";
import { DropReason, MetricDirection, TracePoint } from "../../src/abi/index.ts";
import type { MonitorAggregation, MonitorEvents } from "../../src/datapath/index.ts";
import { bothFamilies, type Case, fromA, fromB, type Step, sent, Verdict } from "./case.ts";
import { type Payload, TcpFlag, tcp } from "./packet.ts";
import { ingress } from "./rules.ts";
import { podA, podB, podC, router, type World } from "./world.ts";

const { SYN, ACK, FIN } = TcpFlag;
const nothing: MonitorEvents = { drop: false, trace: false, policyVerdict: false };

function request(flags: number, data = new Uint8Array()): Payload {
  return tcp({ sport: 4000, dport: 80, flags, data });
}

function level(value: MonitorAggregation, interval = 1000): (world: World) => void {
  return ({ monitor }) => {
    monitor.setMonitorAggregation(value);
    monitor.setMonitorInterval(interval);
  };
}

function counted(reason: number, direction: number, packets: number, bytes?: number): (world: World) => void {
  return (world) => {
    const rows = world.metrics().filter((row) => row.reason === reason && row.direction === direction);
    assert.equal(
      rows.reduce((sum, row) => sum + row.packets, 0),
      packets,
    );
    if (bytes !== undefined)
      assert.equal(
        rows.reduce((sum, row) => sum + row.bytes, 0),
        bytes,
      );
  };
}

export const observabilityCases: readonly Case[] = [
  ...bothFamilies((words) => {
    const there = (flags: number, more: Partial<Step> = {}): Step => ({
      send: sent(words, podA, podB, request(flags)),
      into: fromA,
      verdict: Verdict.REDIRECT,
      ...more,
    });
    const back = (flags: number, more: Partial<Step> = {}): Step => ({
      send: sent(words, podB, podA, tcp({ sport: 80, dport: 4000, flags })),
      into: fromB,
      verdict: Verdict.REDIRECT,
      ...more,
    });
    const told = { events: [{ kind: "trace" as const, point: TracePoint.TRACE_TO_ENDPOINT }] };
    const quiet = { silent: ["trace" as const] };
    const length = sent(words, podA, podB, request(SYN)).length;
    return [
      {
        name: "counts what is forwarded by direction, packets and bytes",
        steps: [
          there(SYN),
          there(ACK, {
            check: (world) => {
              counted(0, MetricDirection.METRIC_EGRESS, 2, 2 * length)(world);
              counted(0, MetricDirection.METRIC_INGRESS, 2, 2 * length)(world);
            },
          }),
          ...[router, podC].map((to, index) => ({
            send: sent(words, podA, to, request(SYN)),
            into: fromA,
            verdict: index === 0 ? Verdict.PASS : Verdict.REDIRECT,
            check: counted(0, MetricDirection.METRIC_EGRESS, 3 + index),
          })),
        ],
      },
      {
        name: "counts a drop by reason, direction and place",
        steps: [
          {
            change: ingress(podB),
            send: sent(words, podA, podB, request(SYN)),
            into: fromA,
            drop: DropReason.DROP_POLICY,
            check: (world) => {
              counted(DropReason.DROP_POLICY, MetricDirection.METRIC_INGRESS, 1, length)(world);
              const place = world.metrics().find(({ reason }) => reason === DropReason.DROP_POLICY);
              assert.ok(place !== undefined && place.line > 0 && place.file > 0);
            },
          },
        ],
      },
      {
        name: "sends no event of a kind that is off",
        steps: [
          [{ ...nothing, drop: true }, ["verdict", "trace"]] as const,
          [{ drop: true, trace: false, policyVerdict: true }, ["trace"]] as const,
          [{ drop: true, trace: true, policyVerdict: false }, ["verdict"]] as const,
        ].map(([events, silent]) => ({
          change: (world: World) => {
            ingress(podB)(world);
            world.monitor.setEvents(events);
          },
          send: sent(words, podA, podB, request(SYN)),
          into: fromA,
          drop: DropReason.DROP_POLICY,
          silent,
        })),
      },
      {
        name: "traces every packet where it leaves, and none where it comes in, at level low",
        steps: [there(SYN, { change: level("low"), ...told }), there(ACK, told), there(ACK, told)].map((step) => ({
          ...step,
          missing: [{ kind: "trace" as const, point: TracePoint.TRACE_FROM_ENDPOINT }],
        })),
      },
      {
        name: "traces the first packet and new TCP flags, of each direction, at level medium",
        steps: [
          there(SYN, { change: level("medium"), ...told }),
          there(SYN, quiet),
          back(SYN | ACK, told),
          back(ACK, quiet),
          there(ACK, quiet),
          there(FIN | ACK, told),
          there(FIN | ACK, quiet),
          back(ACK, quiet),
          back(FIN | ACK, told),
        ],
      },
      {
        name: "traces a flow again when the interval is over",
        steps: [
          there(SYN, { change: level("medium", 5), ...told }),
          there(ACK, { change: (world) => world.changeFlows({ lastRxReport: 1, lastTxReport: 1 }), ...told }),
          there(ACK, quiet),
        ],
      },
      {
        name: "traces no TCP flags at level maximum",
        steps: [there(SYN, { change: level("maximum"), ...told }), there(FIN | ACK, quiet)],
      },
      {
        name: "sends the first 128 bytes of a packet, and its length",
        steps: [
          {
            send: sent(words, podA, podB, request(SYN, new Uint8Array(500).fill(7))),
            into: fromA,
            verdict: Verdict.REDIRECT,
            events: [{ kind: "trace" as const, captured: 128, length: length + 500 }],
          },
          there(SYN, { events: [{ kind: "trace", captured: length, length }] }),
        ],
      },
    ];
  }),
];
