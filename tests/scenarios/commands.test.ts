// SPDX-License-Identifier: Apache-2.0
// Every command of cilium-dbg against a real agent: exit code, columns, and what is in them.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { commandPaths } from "../../apps/cli/index.ts";
import { nodeCommand } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { clientPod, collect, echoPod, Scenario } from "./harness.ts";
import type { CommandResult } from "./helpers/commands.ts";

let scenario: Scenario;

const policy = `---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web}
spec:
  endpointSelector: {matchLabels: {app: echo}}
  ingress: [{fromEndpoints: [{matchLabels: {app: client}}], toPorts: [{ports: [{port: "7000", protocol: TCP}]}]}]
`;

before(async () => {
  scenario = await Scenario.create("commands");
  await scenario.apply(
    echoPod("echo", "node1", { app: "echo" }) + clientPod("client", "node2", { app: "client" }) + policy,
  );
  const ip = scenario.ip("echo", 4);
  await eventually("the policy holds", async () => {
    const [allowed, denied] = await scenario.probe("client", [
      { protocol: "TCP", ip, port: 7000 },
      { protocol: "TCP", ip, port: 7001 },
    ]);
    return allowed === true && denied === false;
  });
});

after(async () => await scenario?.delete());

async function run(commands: readonly string[]): Promise<CommandResult[]> {
  const helper = join(import.meta.dirname, "helpers/commands.ts");
  const lists = commands.map((command) => command.split(" "));
  const command = nodeCommand(scenario.sandbox, "node1", [process.execPath, helper, JSON.stringify(lists)]);
  const { code, stdout, stderr } = await collect(command, 300_000);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as CommandResult[];
}

/** The lines of `status`, in their order. */
const statusLabels = [
  ...["KVStore:", "Kubernetes:", "KubeProxyReplacement:", "Host firewall:", "SRv6:", "CNI Chaining:"],
  ...["CNI Config file:", "Cilium:", "NodeMonitor:", "Cilium health daemon:", "IPAM:", "IPv4 BIG TCP:"],
  ...["IPv6 BIG TCP:", "BandwidthManager:"],
  ...["Routing:", "Attach Mode:", "Device Mode:", "Masquerading:", "Controller Status:", "Proxy Status:"],
  ...["Global Identity Range:", "Hubble:", "Encryption:", "Cluster health:", "Name", "Modules Health:"],
];

/** Commands with what they print; exit code 0 unless it says otherwise. Later ones may see what earlier ones did. */
const expected: readonly (readonly [command: string, stdout: RegExp, code?: number])[] = [
  [
    "status",
    /^KVStore: +Ok +etcd: 1\/1 connected[\s\S]*\nCilium: +Ok [\s\S]*\nController Status: +(\d+)\/\1 healthy\n/,
  ],
  // Rows below a line are indented; which there are depends on the moment.
  ["status", new RegExp(`^${statusLabels.map((label) => `${label} .*\\n(?: .*\\n)*`).join("")}$`)],
  ["status -o=json", /^\{\n {2}"cilium": \{\n {4}"state": "Ok",\n/],
  ["status --verbose", /^ {2}Name +Last success +Last error +Count +Message\n[\s\S]*^Modules Health: +Stopped\(0\)/m],
  ["status --brief", /^OK\n$/],
  ["status --all-addresses -o jsonpath={.ipam.status}", /^IPv4: \d+\/254 allocated from /],
  ["version", /^Client: \S+ node v\d[\s\S]*\nDaemon: \S+ node v\d/],
  ["metrics list -ojson -pcilium_ipsec_xfrm_error", /^\[\]\n$/],
  ["version -o jsonpath={$.Daemon.Version}", /^\d+\.\d+\.\d+\n$/],
  [
    "endpoint list",
    /^ENDPOINT +POLICY \(ingress\) +POLICY \(egress\) .*\n +ENFORCEMENT +ENFORCEMENT *\n[\s\S]* k8s:app=echo /,
  ],
  ["endpoint ls --no-headers", /^\d+ +\w+ +\w+ +\d+ +\S+:\S+ /],
  ['endpoint list -o jsonpath={[?(@.status.external-identifiers.k8s-pod-name=="echo")].status.state}', /^ready\n$/],
  ["endpoint get -l k8s:app=echo -o jsonpath={[0].status.policy.realized.policy-enabled}", /^ingress\n$/],
  ["endpoint get pod-name:default:echo", /^\[\n {2}\{\n {4}"id": \d+,\n/],
  [
    "endpoint log pod-name:default:echo",
    /^Timestamp +Status +State +Message\n[\s\S]* OK +ready +Success.*\(Reason: new endpoint\)$/m,
  ],
  [
    "endpoint health pod-name:default:echo",
    /^Overall Health: +OK\nBPF Health: +OK\nPolicy Health: +OK\nConnected: +yes\n/,
  ],
  ["endpoint labels pod-name:default:echo", /^k8s:app=echo +Enabled\n/],
  ["endpoint config pod-name:default:echo", /^PolicyAuditMode +: Disabled$/m],
  ["endpoint config --list-options", /^PolicyAuditMode +\w/m],
  [
    "endpoint config pod-name:default:echo TraceNotification=disable",
    /^Endpoint \S+ configuration updated successfully\n$/,
  ],
  ["endpoint config pod-name:default:echo -o jsonpath={.realized.options.TraceNotification}", /^Disabled\n$/],
  ["endpoint config pod-name:default:echo TraceNotification=default DebugLB=enable", /updated successfully\n$/],
  ["endpoint config pod-name:default:echo", /^DebugLB +: Enabled\n[\s\S]*^TraceNotification +: Enabled$/m],
  ["endpoint config pod-name:default:echo Nonsense=1", /^$/, 1],
  ["endpoint disconnect pod-name:default:nobody", /^$/, 1],
  ["identity list", /^ID +LABELS\n1 +reserved:host\n[\s\S]*\d+ +k8s:app=client\n {3,}k8s:/],
  ["identity list --endpoints", /^ID +LABELS +REFCOUNT\n[\s\S]* k8s:app=echo +1\n/],
  ["identity get 1", /^ID +LABELS\n1 +reserved:host\n$/],
  ["identity get 123456", /^$/, 1],
  [
    "ip list",
    /^IP +IDENTITY +SOURCE\n0\.0\.0\.0\/0 +world-ipv4 .*\n::\/0 +world-ipv6 [\s\S]* k8s:app=client +kvstore\n/,
  ],
  ["ip get 0.0.0.0/0", /^IP +IDENTITY +SOURCE\n0\.0\.0\.0\/0 +world-ipv4 +generated\n/],
  ["ip list -n -v", /^IP +IDENTITY +SOURCE +HOST +ENCRYPT_KEY\n/],
  [
    "ip get -l k8s:app=client",
    /^=+\nLabels:\n {4}k8s:app=client\n=+\nIP +HOST +IDENTITY +POD +NAMESPACE\n.* client +default\n/,
  ],
  [
    "node list",
    /^Name +IPv4 Address +Endpoint CIDR +IPv6 Address +Endpoint CIDR +Source\ndefault\/node1 .* local\ndefault\/node2 .* kvstore\n$/,
  ],
  ["nodeid list", /^NODE ID +IP ADDRESSES\n0x[0-9a-f]+ +\S+/],
  ["policy get", /"name": "web"[\s\S]*\nRevision: \d+\n$/],
  ["policy get -o jsonpath={.revision}", /^\d+\n$/],
  ["policy selectors", /^SELECTOR +LABELS +USERS +IDENTITIES\n&LabelSelector.* default\/web +1 +\d+\n/],
  ["policy selectors -v -o json", /^\[\n {2}\{/],
  ["policy subject-selectors", /^SELECTOR +LABELS +USERS +IDENTITIES\n&LabelSelector.*any\.app: echo/],
  ["policy wait 1", /^$/],
  ["policy hits", /default\/web/],
  ["policy lint", /./, 0],
  [
    "map list",
    /^Name +Num entries +Num errors +Cache enabled\n[\s\S]*^cilium_ct4_global +0 +0 +false\n[\s\S]*^cilium_lxc +\d+ +0 +true\n/m,
  ],
  ["map get cilium_ct4_global", /^Cache is disabled\n/],
  [
    "metrics list -p hive_status|controllers_group_runs",
    /^cilium_controllers_group_runs_total .*group_name=endpoints[\s\S]*^cilium_hive_status /m,
  ],
  ["completion tcsh", /^$/, 1],
  ["map list --verbose", /^## Map: cilium_\w+\n[\s\S]*^Key +Value +State +Error\n.* ok$/m],
  ["map get cilium_lxc", /^Key +Value +State +Error\n\S+ +id=\d+ .* ok\n/],
  ["map get nothing", /^$/, 1],
  ["map events cilium_lxc", /^key="\S+" value="id=.*" time=\S+ action=update desiredState=(ok|insert) lastError=""\n/],
  [
    "config",
    /^##### Read-write configurations #####\nDebug +: Disabled\nDebugLB +: Disabled\n[\s\S]*\nDropNotification +: Enabled\n[\s\S]*\nPolicyEnforcement +: default\n$/,
  ],
  ["config --all", /^#### Read-only configurations ####\n[\s\S]*^cluster-name +: default\n[\s\S]*^##### Read-write/m],
  ["config -r -o json", /"cluster-name": "default"/],
  ["config --list-options", /^TraceNotification +\w/m],
  ["config TraceNotification=disable", /^$/],
  ["config get TraceNotification", /^Disabled\n$/],
  ["config tracenotification=enable", /^$/],
  ["config get TraceNotification", /^Enabled\n$/],
  ["config get EnableIPv4", /^true\n$/],
  ["config Nonsense=1", /^$/, 1],
  ["kvstore get --recursive cilium/state/nodes/", /^cilium\/state\/nodes\/v1\/default\/node1 => \{.*\n.*node2 => /],
  ["kvstore set --key test/commands --value x", /^$/],
  ["kvstore get test/commands", /^test\/commands => x\n$/],
  ["kvstore delete test/commands", /^$/],
  ["kvstore get test/commands", /^$/, 1],
  ["cgroups list", /^POD NAME +POD NAMESPACE +CGROUP IDS\necho +default +\d+\n$/],
  ["encrypt status", /^Encryption: Disabled +\n$/],
  ["loadinfo", /^Load 1-min: [\d.]+ 5-min: [\d.]+ 15min: [\d.]+\nMemory: Total: \d+ Used: \d+ .*\nSwap: Total: /],
  ["prefilter list", /^$/, 1],
  ["bpf config list", /^KEY +VALUE\nAgentLiveness +[1-9]\d+\n/],
  ["bpf ct list global", /^TCP IN .* -> \S+:7000 expires=\d+ Packets=\d+ Bytes=\d+ .* SourceSecurityID=\d+ /m],
  ["bpf ct list -d", / \(remaining: \d+ sec\(s\)\) /],
  ["bpf endpoint list", /^IP ADDRESS +LOCAL ENDPOINT INFO\n[\s\S]* id=\d+ +sec_id=\d+ +flags=0x0000 ifindex=\d+ +mac=/],
  ["bpf frag list", /^(ID .*|)$/m],
  ["bpf fs show", /^MountID: +\d+\n[\s\S]*\nFilesystemType: +bpf\n/],
  ["bpf ipcache list", /^IP PREFIX\/ADDRESS +IDENTITY\n[\s\S]* tunnelendpoint=172\.\S+ flags=hastunnel\n/],
  ["bpf ipcache get 0.0.0.0", /^0\.0\.0\.0 maps to identity identity=\d+ /],
  ["bpf ipcache match 192.0.2.0/24", /^192\.0\.2\.0\/24 does not match to any ipcache entry\n$/, 1],
  ["bpf ipcache update 192.0.2.0/24 --identity 2", /^Updated entry 192\.0\.2\.0\/24 => identity=2 /],
  ["bpf ipcache delete 192.0.2.0/24", /^Deleted entry 192\.0\.2\.0\/24\n$/],
  ["bpf metrics list", /^REASON +DIRECTION +PACKETS +BYTES +LINE +FILE\n[\s\S]*^Policy denied +INGRESS /m],
  ["bpf metrics list -o json", /"reason": "Policy denied",\n/],
  ["bpf nodeid list", /^NODE ID +IP ADDRESSES +SPI\n/],
  [
    "bpf policy get --all -n",
    /^Endpoint ID: \d+\nPath: .*\n\n[\s\S]*^POLICY +DIRECTION +IDENTITY +PORT[\s\S]*^Allow +Ingress +\d+ +7000\/TCP +NONE +disabled /m,
  ],
  [
    "bpf policy list",
    /^POLICY +DIRECTION +LABELS \(source:key\[=value\]\) +PORT\/PROTO +PROXY PORT +AUTH TYPE +BYTES +PACKETS +PREFIX +COOKIE/m,
  ],
  ["bpf policy add 1 ingress 2", /^$/, 1],
  ["bpf policy delete 1 ingress 2", /^$/, 1],
  ["bpf sha list", /^Datapath SHA +Endpoint\(s\)\n[0-9a-f]{16} +\d+\n/],
  ["bpf sha get nothing", /^$/, 1],
  ["bpf tunnel list", /^TUNNEL +VALUE\n\S+ +172\./],
  ["bpf endpoint delete 192.0.2.1", /^$/, 1],
  ["bpf metrics flush", /^$/],
  ["bpf ct flush global", /^(Flushed \d+ entries from \/.*cilium_ct\S+\n){4}$/],
  ["post-uninstall-cleanup -f", /^$/, 1],
];

/** Commands that others test: with more than an agent, or without any. */
const elsewhere = [
  ...["completion", "sandbox", "monitor", "statedb", "shell", "debuginfo", "sysdump", "bugtool", "features", "metrics"],
  ...["build-config", "prefilter update", "prefilter delete"],
  ...["bpf auth", "bpf bandwidth", "bpf egress", "bpf lb", "bpf multicast", "bpf socknat", "bpf srv6", "bpf vtep"],
  ...["bpf nat", "bpf ipmasq"],
  ...["policy import", "policy delete", "policy validate", "policy simulate", "policy trace", "policy diff"],
];

test("every command prints its columns, and ends with its exit code", async () => {
  const results = await run(expected.map(([command]) => command));
  for (const [at, [command, stdout, code = 0]] of expected.entries()) {
    const result = results[at];
    assert.ok(result);
    const all = `cilium-dbg ${command}\n${result.stdout}${result.stderr}`;
    assert.equal(result.code, code, all);
    assert.match(result.stdout, stdout, all);
    if (code !== 0 && result.stdout === "") assert.match(result.stderr, /^Error: [^\n]+\n$/, all);
  }
});

test("no command of the tree is left out", async () => {
  const io = { env: {}, stdout: () => {}, stderr: () => {}, stdin: async () => "", now: () => 0 };
  const paths = await commandPaths({ ...io, signal: new AbortController().signal });
  const tried = (path: string) =>
    [...expected.map(([command]) => command), ...elsewhere].some((known) => `${known} `.startsWith(`${path} `)) ||
    elsewhere.some((group) => path.startsWith(`${group} `));
  assert.deepEqual(
    paths.filter((path) => !tried(path)),
    [],
  );
});
