// SPDX-License-Identifier: Apache-2.0
// The metrics of a real agent: names, types and labels are those of Cilium's table, and --metrics chooses among them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AgentNode } from "./testing.ts";

const manifests = `
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
---
apiVersion: v1
kind: Pod
metadata: {name: b, labels: {app: b}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: b}
spec:
  endpointSelector: {matchLabels: {app: b}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: c}}]
`;

type Kind = "counter" | "gauge" | "histogram";

/** Of what is here: names behind `cilium_`, and their labels. */
const expected: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  counter: {
    endpoint_regenerations_total: "reason outcome error",
    ...{ ipcache_events_total: "type", ipcache_errors_total: "type error" },
    policy_change_total: "source operation outcome",
    ...{ drop_count_total: "reason direction", drop_bytes_total: "reason direction" },
    ...{ forward_count_total: "direction", forward_bytes_total: "direction" },
    ...{ mtu_error_message_total: "direction", fragmented_count_total: "direction" },
    datapath_conntrack_gc_runs_total: "family protocol status",
    bpf_map_ops_total: "map_name operation outcome",
    ...{ controllers_runs_total: "status", controllers_group_runs_total: "status group_name" },
    ipam_events_total: "action family",
    api_limiter_processed_requests_total: "api_call outcome return_code",
    ...{ hive_jobs_runs_total: "module_id job_name", hive_jobs_runs_failed: "module_id job_name" },
  },
  gauge: {
    ...{ agent_bootstrap_seconds: "scope outcome", version: "version" },
    ...{ endpoint: "", endpoint_state: "endpoint_state", endpoint_component_status: "type status" },
    endpoint_restoration_endpoints: "phase outcome",
    ...{ identity: "type", identity_label_sources: "source", ip_addresses: "family" },
    ...{ policy: "", policy_max_revision: "", policy_endpoint_enforcement_status: "enforcement" },
    policy_selector_match_count_max: "class",
    ...{ datapath_conntrack_gc_entries: "family protocol status", datapath_conntrack_gc_interval_seconds: "global" },
    ...{ datapath_nat_gc_entries: "family status", nat_endpoint_max_connection: "family" },
    ...{ bpf_map_pressure: "map_name", bpf_map_capacity: "map_group" },
    ...{ bpf_maps_virtual_memory_max_bytes: "", bpf_progs_virtual_memory_max_bytes: "" },
    ...{ node_health_connectivity_status: "type status", unreachable_nodes: "", unreachable_health_endpoints: "" },
    ...{ controllers_failing: "", ipam_capacity: "family cidr" },
    ...{ api_limiter_adjustment_factor: "api_call", api_limiter_rate_limit: "api_call value" },
    api_limiter_processing_duration_seconds: "api_call value",
    api_limiter_requests_in_flight: "api_call value",
    api_limiter_wait_duration_seconds: "api_call value",
    hive_status: "status",
    ...{ feature_datapath_network: "mode", feature_datapath_internet_protocol: "address_family" },
    ...{ feature_controlplane_identity_allocation: "mode", feature_network_policies_host_firewall_enabled: "" },
    hive_jobs_oneshot_last_run_duration_seconds: "module_id job_name",
    hive_jobs_timer_last_run_duration_seconds: "module_id job_name",
    hive_jobs_observer_last_run_duration_seconds: "module_id job_name",
  },
  histogram: {
    agent_api_process_time_seconds: "path method return_code",
    endpoint_regeneration_time_stats_seconds: "scope status",
    endpoint_propagation_delay_seconds: "",
    ...{ policy_implementation_delay: "source", policy_incremental_update_duration: "scope" },
    datapath_conntrack_gc_duration_seconds: "family protocol status",
    bpf_syscall_duration_seconds: "operation outcome",
    node_health_connectivity_latency_seconds: "type address_type protocol",
    kvstore_operations_duration_seconds: "action kind outcome scope",
    controllers_runs_duration_seconds: "status",
    hive_jobs_timer_run_duration_seconds: "module_id job_name",
    hive_jobs_observer_run_duration_seconds: "module_id job_name",
  },
};

/** What one node alone never has values of: errors, fragments, other nodes, an earlier run, wide identities. */
const without = new Set([
  ...["ipcache_errors_total", "mtu_error_message_total", "fragmented_count_total", "hive_jobs_runs_failed"],
  ...["endpoint_restoration_endpoints", "node_health_connectivity_latency_seconds"],
  "policy_incremental_update_duration",
]);

let node: AgentNode;
let log: () => string;

before(async () => {
  const choice = "+cilium_bpf_syscall_duration_seconds +cilium_ipcache_events_total -cilium_event_ts,+cilium_nonsense";
  node = new AgentNode({ "prometheus-serve-addr": "127.0.0.1:9962", metrics: choice });
  node.writeManifest("pods.yaml", manifests);
  ({ log } = await node.startAgent());
  await node.cni("ADD", "a");
  const { ips } = await node.cni("ADD", "b");
  const [ip = ""] = ips.map(({ address }) => address.split("/")[0] ?? "");
  await node.client.listEndpoints();
  const spec = { endpointSelector: { matchLabels: { app: "b" } }, egress: [{ toEntities: ["host"] }] };
  const metadata = { name: "more", namespace: "default" };
  await node.client.putPolicy([{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata, spec }]);
  // Dropped, and let through: the router answers.
  await node.probe("a", [
    { protocol: "ICMP", ip },
    { protocol: "ICMP", ip: "10.99.0.1" },
  ]);
});

after(async () => await node?.close());

async function scrape(accept: string): Promise<string> {
  const { code, stdout, stderr } = await node.run("node", [
    ...["curl", "-s", "-m", "30", "-i", "-H", `accept: ${accept}`, "http://127.0.0.1:9962/metrics"],
  ]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Label names of a series, without those of histograms' parts. */
const labelsOf = (series: string) =>
  Array.from(series.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g), ([, name]) => name).filter((name) => name !== "le");

test("all metrics that are here have Cilium's names, types and labels", async () => {
  let text = "";
  const late = [
    "datapath_conntrack_gc_duration_seconds_count",
    "datapath_nat_gc_entries",
    "policy_implementation_delay_count",
  ];
  await node.until("flows are swept, and the policy is in force", async () => {
    text = await scrape("text/plain");
    return late.every((name) => text.includes(`\ncilium_${name}{`));
  });
  const wrong: string[] = [];
  for (const kind of ["counter", "gauge", "histogram"] as const) {
    for (const [name, labels] of Object.entries(expected[kind])) {
      if (!text.includes(`# TYPE cilium_${name} ${kind}\n`)) wrong.push(`${name} is no ${kind}`);
      const part = kind === "histogram" ? "_count" : "";
      const series = text.match(new RegExp(`^cilium_${name}${part}(?:\\{.*\\})? .*$`, "gm")) ?? [];
      if ((series.length === 0) !== without.has(name)) wrong.push(`${name} has ${series.length} series`);
      wrong.push(...series.filter((one) => labelsOf(one).join(" ") !== labels));
    }
  }
  assert.deepEqual(wrong, []);
  const value = (series: string) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`cilium_${series} `))
        ?.split(" ")
        .at(-1),
    );
  assert.equal(value('endpoint_component_status{type="bpf",status="OK"}'), 2);
  assert.equal(value('policy_endpoint_enforcement_status{enforcement="both"}'), 1);
  assert.equal(value('policy_endpoint_enforcement_status{enforcement="none"}'), 1);
  assert.equal(value('ipam_capacity{family="ipv4",cidr="10.99.0.0/24"}'), 254);
  assert.equal(value('hive_jobs_runs_total{module_id="datapath",job_name="start"}'), 1);
  assert.ok(value('bpf_syscall_duration_seconds_count{operation="update",outcome="success"}') > 0);
  // The policy map and the entry programs alone.
  assert.ok(value("bpf_maps_virtual_memory_max_bytes") > 1e6);
  assert.ok(value("bpf_progs_virtual_memory_max_bytes") > 1e4);
  assert.ok(value('drop_count_total{reason="Policy denied",direction="INGRESS"}') > 0);
});

test("docs/metrics.md names what is here, and nothing else as being here", async () => {
  const [here = "", absent = ""] = readFileSync(join(import.meta.dirname, "../../docs/metrics.md"), "utf8").split(
    "## Of Cilium's, not here",
  );
  const documented = Array.from(here.matchAll(/`([a-z]\w*…?)`/g), ([, name = ""]) => name);
  const told = (name: string) =>
    documented.some((known) => (known.endsWith("…") ? name.startsWith(known.slice(0, -1)) : name === known));
  const text = await scrape("text/plain");
  const names = Array.from(text.matchAll(/^# TYPE cilium_(\w+) /gm), ([, name = ""]) => name);
  assert.ok(names.length > 60);
  assert.deepEqual(
    names.filter((name) => !told(name)),
    [],
  );
  const others = Array.from((absent.split("## ")[0] ?? "").matchAll(/`([a-z]\w*)`/g), ([, name = ""]) => name);
  assert.deepEqual(
    others.filter((name) => names.includes(name)),
    [],
  );
});

test("what is not wanted is not there, and a name that no metric has is told", async () => {
  assert.doesNotMatch(await scrape("*/*"), /cilium_event_ts/);
  assert.match(log(), /level=warn msg="There are no metrics of these names[^\n]*cilium_nonsense/);
});

test("who asks for OpenMetrics gets it", async () => {
  const text = await scrape("application/openmetrics-text; version=1.0.0, text/plain;q=0.5");
  assert.match(text, /^content-type: application\/openmetrics-text; version=1.0.0; charset=utf-8\r$/im);
  assert.match(text, /^# TYPE cilium_drop_count counter$/m);
  assert.match(text, /^cilium_drop_count_total\{reason="Policy denied",direction="INGRESS"\} [1-9]/m);
  assert.match(text, /\n# EOF\n$/);
});
