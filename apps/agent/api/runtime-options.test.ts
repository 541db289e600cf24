// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { configureLogging, createLogger } from "../../../src/core/index.ts";
import type { MonitorAggregation, MonitorEvents, RuntimeConfigMap } from "../../../src/datapath/index.ts";
import { AgentSwitch } from "../../../src/endpoint/index.ts";
import { runtimeOptions } from "./runtime-options.ts";

/** The map's part that options are about. */
function memoryMap() {
  let [monitorEvents, monitorAggregation]: [MonitorEvents, MonitorAggregation] = [
    { drop: true, trace: false, policyVerdict: true },
    "medium",
  ];
  const map = {
    get: () => ({ monitorEvents, monitorAggregation }),
    setEvents: (events: MonitorEvents) => {
      monitorEvents = events;
    },
    setMonitorAggregation: (level: MonitorAggregation) => {
      monitorAggregation = level;
    },
  };
  return map as unknown as RuntimeConfigMap;
}

function setup() {
  let regenerated = 0;
  const regenerate = () => regenerated++;
  const switches = {
    auditMode: new AgentSwitch(false, regenerate),
    sourceIpVerification: new AgentSwitch(true, regenerate),
    debugPolicy: new AgentSwitch(false),
  };
  const map = memoryMap();
  const options = runtimeOptions({ runtimeConfig: () => map, switches });
  const values = () => Object.fromEntries(Array.from(options, ([name, option]) => [name, option.get()]));
  const set = (name: string, value: string) => options.get(name)?.change(value)();
  return { values, set, regenerated: () => regenerated };
}

test("options have their values, and take others in any of Cilium's words", () => {
  configureLogging({ level: "info" });
  const { values, set, regenerated } = setup();
  const before = {
    ...{ Debug: "Disabled", DebugLB: "Disabled", DebugPolicy: "Disabled", DebugTagged: "Disabled" },
    ...{ DropNotification: "Enabled", MonitorAggregationLevel: "Medium", PolicyAuditMode: "Disabled" },
    ...{ PolicyTracing: "Disabled", PolicyVerdictNotification: "Enabled" },
    ...{ SourceIPVerification: "Enabled", TraceNotification: "Disabled" },
  };
  assert.deepEqual(values(), before);
  assert.deepEqual(Object.keys(values()), Object.keys(before).sort());
  set("Debug", "enable");
  set("TraceNotification", "true");
  set("DropNotification", "disabled");
  set("MonitorAggregationLevel", "None");
  set("PolicyAuditMode", "1");
  set("SourceIPVerification", "off");
  set("DebugLB", "on");
  assert.deepEqual(values(), {
    ...before,
    ...{ Debug: "Enabled", DebugLB: "Enabled", DropNotification: "Disabled", MonitorAggregationLevel: "None" },
    ...{ PolicyAuditMode: "Enabled", SourceIPVerification: "Disabled", TraceNotification: "Enabled" },
  });
  assert.equal(createLogger("any").enabled("debug"), true);
  assert.equal(regenerated(), 2);
  set("Debug", "Disabled");
  assert.equal(createLogger("any").enabled("debug"), false);
});

test("a value that there is not is refused before anything changes", () => {
  const { values, set } = setup();
  const before = values();
  assert.throws(() => set("Debug", "maybe"), { status: 400, message: /"Debug": it has "maybe" \(allowed: Enabled or/ });
  assert.throws(() => set("MonitorAggregationLevel", "high"), { status: 400, message: /allowed: none, low, medium/ });
  assert.deepEqual(values(), before);
});
