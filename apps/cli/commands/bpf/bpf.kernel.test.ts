// SPDX-License-Identifier: Apache-2.0
// The bpf commands over the maps of a running datapath.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  CT_ENTRY_SIZE,
  encodeCt4Key,
  encodeCtEntry,
  encodeFrag4Key,
  encodeFragValue,
  encodeMetricsKey,
} from "../../../../src/abi/index.ts";
import {
  createDatapath,
  type Datapath,
  type EndpointConfigRow,
  openPinnedMaps,
} from "../../../../src/datapath/index.ts";
import { inPrivateNamespaces, nodeUnderlay, privateBpffs, testConfig } from "../../../../src/datapath/testing.ts";
import { BpfMap, ktimeNs } from "../../../../src/kernel/index.ts";
import { run } from "../../program.ts";

if (inPrivateNamespaces(import.meta.filename)) tests();

const endpoint: EndpointConfigRow = {
  id: 12,
  mac: "02:00:00:00:00:aa",
  nodeMac: "02:00:00:00:00:bb",
  ifindex: 7,
  ipv4: "10.1.0.5",
  identity: 4711,
  ingressSet: 3,
  egressSet: 0,
  policyRevision: 1,
  enforceIngress: true,
  enforceEgress: false,
  audit: false,
  ready: true,
};

function tests(): void {
  const root = privateBpffs();
  let datapath: Datapath;

  before(async () => {
    nodeUnderlay();
    datapath = createDatapath(testConfig(root));
    await datapath.start();
    const { maps } = datapath;
    maps.endpoints.upsertMany([endpoint]);
    maps.lxc.upsertMany([
      { address: "10.1.0.5", endpointId: 12, host: false },
      { address: "192.0.2.1", endpointId: 0, host: true },
    ]);
    const plain = { encryptKey: 0, skipTunnel: false, remoteCluster: false };
    maps.ipcache.upsertMany([
      { prefix: "10.1.0.5/32", identity: 4711, ...plain },
      { prefix: "10.2.0.0/24", identity: 2, tunnelEndpoint: "192.0.2.2", ...plain },
    ]);
    maps.nodes.upsertMany([{ address: "192.0.2.2", nodeId: 0x1a, spi: 0 }]);
    const any = { direction: "ingress", verdict: "allow", cookie: 0, proxyPort: 0, authType: 0 } as const;
    maps.policy.writeSet(3, [
      { ...any, identity: 1, protocol: 0, port: 0, portPrefix: 0 },
      { ...any, identity: 4711, protocol: 6, port: 80, portPrefix: 16, cookie: 9 },
      { ...any, identity: 0, protocol: 17, port: 8000, portPrefix: 13, verdict: "deny" },
    ]);
  });
  after(() => datapath.stop());

  const cli = async (...args: string[]) => {
    let stdout = "";
    let stderr = "";
    const code = await run(["bpf", ...args, "--bpf-root", root], {
      env: { CILIUM_SOCK: "/nonexistent/cilium.sock" },
      stdout: (text) => {
        stdout += text;
      },
      stderr: (text) => {
        stderr += text;
      },
      stdin: async () => "",
      signal: new AbortController().signal,
      now: () => 0,
    });
    return { code, stdout, stderr };
  };

  test("bpf endpoint list", async () => {
    const { stdout } = await cli("endpoint", "list");
    assert.match(stdout, /^IP ADDRESS {3,}LOCAL ENDPOINT INFO\n/);
    const mac = "mac=02:00:00:00:00:AA nodemac=02:00:00:00:00:BB";
    const info = `id=12    sec_id=4711  flags=0x0000 ifindex=7   ${mac} parent_ifindex=0   rt_info:0`;
    assert.match(stdout, new RegExp(`^10\\.1\\.0\\.5:0 {3,}${info}$`, "m"));
    assert.match(stdout, /^192\.0\.2\.1:0 {3,}\(localhost\)$/m);
    const json = JSON.parse((await cli("endpoint", "list", "-o", "json")).stdout) as Record<string, string[]>;
    assert.deepEqual(json["10.1.0.5:0"], [info]);
  });

  test("bpf ipcache list, get and match; bpf tunnel and nodeid list", async () => {
    const list = await cli("ipcache", "list");
    assert.match(
      list.stdout,
      /^10\.1\.0\.5\/32 {3,}identity=4711 encryptkey=0 tunnelendpoint=0\.0\.0\.0 flags=<none>$/m,
    );
    const remote = "identity=2 encryptkey=0 tunnelendpoint=192.0.2.2 flags=hastunnel";
    assert.ok(list.stdout.includes(`10.2.0.0/24         ${remote}\n`), list.stdout);
    assert.equal((await cli("ipcache", "get", "10.2.0.77")).stdout, `10.2.0.77 maps to identity ${remote}\n`);
    assert.equal((await cli("ipcache", "match", "10.2.0.0/24")).stdout, `key 10.2.0.0/24 has value "${remote}"\n`);
    const none = await cli("ipcache", "get", "203.0.113.1");
    assert.deepEqual([none.code, none.stdout], [1, "203.0.113.1 does not map to any identity\n"]);
    assert.equal((await cli("ipcache", "get", "nonsense")).code, 1);
    assert.equal((await cli("tunnel", "list")).stdout, "TUNNEL        VALUE\n10.2.0.0/24   192.0.2.2\n");
    assert.match((await cli("nodeid", "list")).stdout, /^0x1a {3,}192\.0\.2\.2 {3,}0$/m);
    assert.deepEqual(JSON.parse((await cli("nodeid", "list", "-o", "json")).stdout), [
      { ID: 0x1a, Address: "192.0.2.2", SPI: 0 },
    ]);
  });

  test("bpf policy get and list", async () => {
    const { stdout } = await cli("policy", "get", "12");
    const rows = stdout.split("\n").map((line) => line.split(/ {2,}/));
    assert.deepEqual(rows.slice(1, 4), [
      ["Deny", "Ingress", "ANY", "8000-8007/UDP", "NONE", "disabled", "-", "-", "21", "0"],
      ["Allow", "Ingress", "1", "ANY", "NONE", "disabled", "-", "-", "0", "0"],
      ["Allow", "Ingress", "4711", "80/TCP", "NONE", "disabled", "-", "-", "24", "9"],
    ]);
    assert.match(
      (await cli("policy", "list")).stdout,
      /^Endpoint ID: 12\nPath: .*\(ingress set 3, egress set 0\)\n\nPOLICY/,
    );
    const deny = {
      ...{ ProxyPortNetwork: 0, Flags: 1 | (21 << 3), AuthRequirement: 0, Cookie: 0 },
      Key: { Prefixlen: 61, Identity: 0, TrafficDirection: 0, Nexthdr: 17, DestPortNetwork: 0x401f },
    };
    const content = JSON.parse((await cli("policy", "get", "12", "-o", "json")).stdout) as unknown[];
    assert.deepEqual([content.length, content[0]], [3, deny]);
    const all = JSON.parse((await cli("policy", "get", "--all", "-o", "json")).stdout) as Record<string, unknown>[];
    assert.deepEqual([all[0]?.EndpointID, all[0]?.Content], ["12", content]);
    assert.equal((await cli("policy", "get", "13")).code, 1);
  });

  test("bpf ct list and flush", async () => {
    const entry = encodeCtEntry({
      txPackets: 2n,
      txBytes: 120n,
      rxPackets: 1n,
      rxBytes: 60n,
      expires: 4_000_000,
      peerIdentity: 24151,
      policyRevision: 1,
      ipcacheRevision: 1,
      cookie: 9,
      lastTxReport: 11,
      lastRxReport: 12,
      flags: 16,
      revNatIndex: 0,
      txFlagsSeen: 0x12,
      rxFlagsSeen: 0x02,
      route: 1,
      tunnelFamily: 0,
      peerEndpoint: 0,
      proxyPort: 0,
      tunnelEndpoint: new Uint8Array(16),
      backendId: 0,
      natPort: 0,
    });
    assert.equal(entry.length, CT_ENTRY_SIZE);
    using map = BpfMap.openPinned(join(root, "tc/globals/cilium_ct4_global"));
    const key = encodeCt4Key({
      local: 0x0a010005,
      remote: 0x0a020009,
      localPort: 40000,
      remotePort: 80,
      protocol: 6,
    });
    map.update(key, entry);
    const { stdout } = await cli("ct", "list", "global");
    assert.equal(
      stdout,
      "TCP OUT 10.1.0.5:40000 -> 10.2.0.9:80 expires=4000000 Packets=3 Bytes=180 RxFlagsSeen=0x02 LastRxReport=12 " +
        "TxFlagsSeen=0x12 LastTxReport=11 Flags=0x0010 [ SeenNonSyn ] RevNAT=0 SourceSecurityID=4711 BackendID=0 NatPort=0\n",
    );
    const [record] = JSON.parse((await cli("ct", "list", "-o", "json")).stdout) as { Key: object; Value: object }[];
    assert.deepEqual(record?.Key, {
      ...{ SourceAddr: "10.1.0.5", DestAddr: "10.2.0.9", SourcePort: 40000, DestPort: 80, NextHeader: 6, Flags: 0 },
    });
    assert.deepEqual(record?.Value, {
      ...{ Packets: 3, Bytes: 180, Lifetime: 4_000_000, Flags: 16, RevNAT: 0, TxFlagsSeen: 0x12, RxFlagsSeen: 2 },
      ...{ SourceSecurityID: 4711, LastTxReport: 11, LastRxReport: 12, BackendID: 0 },
    });
    assert.match((await cli("ct", "list", "-d")).stdout, / expires=4000000 \(remaining: \d+ sec\(s\)\) P/);
    assert.equal((await cli("ct", "list", "-d", "--time-diff-clocksource-mode", "jiffies")).code, 1);
    map.update(encodeCt4Key({ local: 0, remote: 0, localPort: 1, remotePort: 2, protocol: 6 }), entry);
    const gone = await cli("ct", "list");
    assert.match(gone.stdout, /^TCP OUT 0\.0\.0\.0:1 -> .* SourceSecurityID=0 /m, gone.stderr);
    assert.match((await cli("ct", "list", "12")).stdout, /^TCP OUT 10\.1\.0\.5:40000 -> [^\n]*\n$/);
    assert.equal((await cli("ct", "list", "endpoint", "13")).stdout, "");
    const cluster = await cli("ct", "list", "cluster", "3");
    assert.deepEqual([cluster.code, cluster.stdout], [0, ""]);
    assert.match(
      cluster.stderr,
      /^Unable to open .*_3: no such file .* try using "cilium bpf ct list global"\. Skipping/,
    );
    assert.equal((await cli("ct", "flush", "12")).stdout, "Flushed 1 entries of endpoint 12\n");
    const pins = join(root, "tc/globals");
    assert.equal(
      (await cli("ct", "flush", "global")).stdout,
      ["ct4", "ct_any4", "ct6", "ct_any6"]
        .map((name, i) => `Flushed ${i === 0 ? 1 : 0} entries from ${pins}/cilium_${name}_global\n`)
        .join(""),
    );
    assert.equal((await cli("ct", "list")).stdout, "");
    assert.equal((await cli("ct", "list", "nonsense")).code, 1);
  });

  test("bpf metrics list and flush", async () => {
    using map = BpfMap.openPinned(join(root, "tc/globals/cilium_metrics"));
    const value = new Uint8Array(map.valueBytes);
    new DataView(value.buffer).setBigUint64(0, 5n, true);
    new DataView(value.buffer).setBigUint64(8, 300n, true);
    map.update(encodeMetricsKey({ reason: 133, direction: 1, line: 59, file: 2 }), value);
    const { stdout } = await cli("metrics", "list");
    assert.match(stdout, /^REASON {3,}DIRECTION {3,}PACKETS {3,}BYTES {3,}LINE {3,}FILE\n/);
    assert.match(stdout, /^Policy denied {3,}INGRESS {3,}5 {3,}300 {3,}59 {3,}bpf_lxc\.c$/m);
    // The programs are on real devices and may count something of their own.
    const denied = async () =>
      (JSON.parse((await cli("metrics", "list", "-o", "json")).stdout || "[]") as { reason: string }[]).filter(
        ({ reason }) => reason === "Policy denied",
      );
    const row = { packets: 5, bytes: 300, file: "bpf_lxc.c", direction: "ingress", line: 59 };
    assert.deepEqual(await denied(), [{ reason: "Policy denied", ...row }]);
    assert.deepEqual(await cli("metrics", "flush"), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(await denied(), []);
  });

  test("bpf ipcache update and delete, bpf endpoint delete", async () => {
    const update = await cli(
      "ipcache",
      "update",
      "--ip",
      "10.3.0.0/24",
      "--identity",
      "77",
      "--tunnelendpoint",
      "192.0.2.9",
    );
    const value = "identity=77 encryptkey=0 tunnelendpoint=192.0.2.9 flags=hastunnel";
    assert.equal(update.stdout, `Updated entry 10.3.0.0/24 => ${value}\n`);
    assert.equal((await cli("ipcache", "get", "10.3.0.1")).stdout, `10.3.0.1 maps to identity ${value}\n`);
    assert.equal((await cli("ipcache", "delete", "10.3.0.0/24")).stdout, "Deleted entry 10.3.0.0/24\n");
    const gone = await cli("ipcache", "delete", "10.3.0.0/24");
    assert.deepEqual([gone.code, gone.stdout], [1, ""]);
    assert.match(gone.stderr, /^Error: Cannot delete ipcache entry "10\.3\.0\.0\/24": there is none\n$/);
    for (const args of [["nonsense"], ["10.3.0.0/24", "--identity", "x"], ["10.3.0.0/24", "--tunnelendpoint", "x"]]) {
      assert.equal((await cli("ipcache", "update", ...args)).code, 1, args.join(" "));
    }
    datapath.maps.lxc.upsertMany([{ address: "10.1.0.99", endpointId: 12, host: false }]);
    assert.deepEqual(await cli("endpoint", "delete", "10.1.0.99"), { code: 0, stdout: "", stderr: "" });
    assert.equal((await cli("endpoint", "delete", "10.1.0.99")).code, 1);
  });

  test("bpf config, frag, fs and sha", async () => {
    datapath.maps.runtimeConfig.setAgentLiveness(123n);
    assert.match((await cli("config", "list")).stdout, /^KEY {3,}VALUE\nAgentLiveness {3,}\d+\nUTimeOffset {5}\d+\n$/);
    assert.equal((await cli("frag", "list")).stderr, "No entries found.\n");
    using frags = BpfMap.openPinned(join(root, "tc/globals/cilium_ipv4_frag_datagrams"));
    const key = encodeFrag4Key({ source: 0x0a010005, destination: 0x0a020009, id: 7, protocol: 17 });
    frags.update(key, encodeFragValue({ sourcePort: 4000, destinationPort: 53, icmpType: 0 }));
    assert.equal(
      (await cli("frag", "list")).stdout,
      "ID   PROTO   SOURCE ADDRESS:PORT   DEST ADDRESS:PORT\n7    UDP     10.1.0.5:4000         10.2.0.9:53\n",
    );
    const { stdout } = await cli("fs", "show");
    assert.match(stdout, /^MountID: {10}\d+\nParentID: {9}\d+\nMounted State: {4}true\nMountPoint: {7}\//);
    assert.match(stdout, /^FilesystemType: {3}bpf$/m);
    const list = await cli("sha", "list");
    const digest = /^([0-9a-f]{16}) {3}-$/m.exec(list.stdout)?.[1] ?? "";
    assert.equal(list.stdout, `Datapath SHA       Endpoint(s)\n${digest}   -\n`);
    assert.match((await cli("sha", "get", digest)).stdout, /^cil_from_container {3,}\d+ {3,}\d{3,}$/m);
    assert.equal((await cli("sha", "get", "nonsense")).code, 1);
  });

  test("bpf dumps of features that are off say so as Cilium does", async () => {
    const answers: readonly [args: string, code: number, stdout: string, stderr: string][] = [
      ["auth list", 0, "", "Cannot find auth bpf map\n"],
      ["auth flush", 0, "", "Cannot find auth bpf map\n"],
      ["bandwidth list", 1, "", "bandwidth manager not enabled\n"],
      ["egress ls", 0, "", "Cannot find egress gateway bpf maps\n"],
      ["lb list", 0, "SERVICE ADDRESS   BACKEND ADDRESS (REVNAT_ID) (SLOT)\n", ""],
      ["lb list --backends", 0, "ID   BACKEND ADDRESS\n", ""],
      ["lb list -o json", 0, "{}\n", ""],
      ["lb maglev list", 0, "SVC ID   LOOKUP TABLE\n", ""],
      ["multicast group list", 1, "", "Error: failed to get multicast bpf map: multicast not enabled\n"],
      ["srv6 policy", 0, "", "Cannot find SRv6 policy maps\n"],
      ["srv6 sid", 0, "", "Cannot find SRv6 SID map\n"],
      ["srv6 vrf", 0, "", "Cannot find SRv6 VRF mapping maps\n"],
      ["vtep list", 1, "", "error dumping contents of map: no such file or directory\n"],
      ["vtep delete 10.0.0.0/8", 1, "", "Error: error deleting contents of map: no such file or directory\n"],
    ];
    for (const [args, code, stdout, stderr] of answers) {
      assert.deepEqual(await cli(...args.split(" ")), { code, stdout, stderr }, args);
    }
  });

  test("bpf policy add and delete give the endpoint a set of its own, unless an agent runs", async () => {
    datapath.maps.runtimeConfig.setAgentLiveness(ktimeNs());
    const refused = await cli("policy", "add", "12", "ingress", "99", "443/TCP");
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(refused.stderr, /Cannot add policy entry "99 443\/TCP": the agent keeps the entries/);
    await datapath.stop();
    using maps = openPinnedMaps(root);
    maps.runtimeConfig.setAgentLiveness(1n);
    assert.deepEqual(await cli("policy", "add", "12", "ingress", "99", "443/TCP", "--cookie", "5"), {
      code: 0,
      stdout: "",
      stderr: "",
    });
    const entries = async () => (await cli("policy", "get", "12")).stdout;
    assert.match(await entries(), /^Allow {3,}Ingress {3,}99 {3,}443\/TCP .* 24 {3,}5$/m);
    assert.match(await entries(), /^Allow {3,}Ingress {3,}4711 {3,}80\/TCP /m);
    assert.equal((await cli("policy", "add", "12", "egress", "99", "--deny")).code, 0);
    assert.match(await entries(), /^Deny {3,}Egress {3,}99 {3,}ANY[\s\S]*^Allow {3,}Egress {3,}ANY {3,}ANY /m);
    assert.equal((await cli("policy", "delete", "12", "ingress", "99", "443/TCP")).code, 0);
    assert.doesNotMatch(await entries(), /443\/TCP/);
    assert.equal((await cli("policy", "delete", "12", "ingress", "99", "443/TCP")).code, 1);
    assert.equal((await cli("policy", "add", "12", "sideways", "99")).code, 1);
    assert.equal((await cli("policy", "add", "12", "ingress", "99", "80")).code, 1);
  });

  test("a root without maps is an error that names it", async () => {
    let message = "";
    const wrong = await run(["bpf", "ct", "list", "--bpf-root", "/nonexistent"], {
      env: {},
      stdout: () => undefined,
      stderr: (text) => {
        message += text;
      },
      stdin: async () => "",
      signal: new AbortController().signal,
      now: () => 0,
    });
    assert.equal(wrong, 1);
    assert.match(message, /^Error: Cannot open map "cilium_[a-z0-9_]+": nothing at \/nonexistent\/tc\/globals/);
  });
}
