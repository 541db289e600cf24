// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Config, ConfigError, loadConfig, optionHelp } from "../../src/core/index.ts";
import { checks, options } from "./options.ts";
import { hostAddressing, localAddresses, podLabelConfig, statePaths } from "./settings.ts";

const ranges = ["--ipv4-range=10.1.0.0/24", "--ipv6-range=fd00:1::/112"];

function load(argv: readonly string[], env: Record<string, string> = {}): Config {
  return loadConfig({ options: Object.values(options), checks, env, argv });
}

for (const [what, argv, key, message] of [
  ["an unknown key", ["--static-resource=/x"], "static-resource", /"static-resource".*"static-resources"/],
  [
    "a word that is not allowed",
    ["--enable-policy=sometimes"],
    "enable-policy",
    /"sometimes" \(allowed: .*always.*never/,
  ],
  ["a port of 70000", ["--tunnel-port=70000"], "tunnel-port", /"tunnel-port" has "70000" \(allowed: .*65535/],
  ["a bad range", ["--ipv4-range=10.1.0.0"], "ipv4-range", /"ipv4-range" has "10\.1\.0\.0"/],
  ["a range of the other family", ["--ipv4-range=fd00::/112"], "ipv4-range", /"ipv4-range" has "fd00::\/112"/],
  ["a bad duration", ["--kvstore-lease-ttl=soon"], "kvstore-lease-ttl", /"kvstore-lease-ttl" has "soon"/],
  ["a lease of no time", ["--kvstore-lease-ttl=0"], "kvstore-lease-ttl", /has "0" \(allowed: .*at least 1s/],
  ["a metric without + or -", ["--metrics=cilium_x"], "metrics", /has "cilium_x" \(allowed: \+NAME or -NAME/],
  [
    "a limit of what has none",
    ["--api-rate-limit=policy-put=rate-limit:1/s"],
    "api-rate-limit",
    /has "policy-put=rate-limit:1\/s" \(allowed: .*endpoint-create.*rate-burst/,
  ],
  ["an empty state folder", ["--state-dir="], "state-dir", /has "" \(allowed: the absolute path of a folder\)/],
  ["a relative state folder", ["--state-dir=run"], "state-dir", /has "run" \(allowed: the absolute path/],
  ["a port that is none", ["--policy-confirm-ports=22,ssh"], "policy-confirm-ports", /has "22,ssh" .*ports/],
  ["a port of 65536", ["--policy-confirm-ports=65536"], "policy-confirm-ports", /has "65536"/],
  ["a target without port", ["--policy-confirm-targets=10.0.0.1"], "policy-confirm-targets", /ADDRESS:PORT/],
  ["a bad node name", ["--node-name=Node_1"], "node-name", /"node-name" has "Node_1" \(allowed: a DNS label/],
  ["neither family", ["--enable-ipv4=false", "--enable-ipv6=false"], "enable-ipv4", /true for at least one/],
  ["a family without its range", ["--ipv4-range="], "ipv4-range", /nothing \(allowed: this node's pod CIDR/],
  [
    "a match mode that is none",
    ["--policy-cidr-match-mode=nodes,node"],
    "policy-cidr-match-mode",
    /"node" \(allowed: nodes, pods, or both/,
  ],
  [
    "masquerading by iptables",
    ["--enable-bpf-masquerade=false"],
    "enable-bpf-masquerade",
    /false, with enable-ipv4-masquerade \(allowed: true, since there is no masquerading by iptables/,
  ],
  [
    "an ip-masq-agent without masquerading",
    ["--enable-ip-masq-agent", "--enable-ipv4-masquerade=false", "--enable-ipv6-masquerade=false"],
    "enable-ip-masq-agent",
    /true, without masquerading/,
  ],
  ...(
    [
      ["a tunnel", ["--routing-mode=tunnel"], "routing-mode", /has tunnel \(allowed: native with datapath-mode=ipvlan/],
      ["no master", ["--ipvlan-master-device="], "ipvlan-master-device", /nothing \(allowed: the name of a device/],
      ["mode L3S", ["--ipvlan-operation-mode=L3S"], "ipvlan-operation-mode", /has L3S \(allowed: L3 with/],
      ["endpoint routes", ["--enable-endpoint-routes"], "enable-endpoint-routes", /allowed: false with datapath-mode=/],
      ["the host firewall", ["--enable-host-firewall"], "enable-host-firewall", /allowed: false with datapath-mode=/],
      ["chaining", ["--cni-chaining-mode=flannel"], "cni-chaining-mode", /allowed: none with datapath-mode=ipvlan/],
    ] as const
  ).map(([what, argv, key, message]) => {
    const mode = ["--datapath-mode=ipvlan", "--ipvlan-master-device=eth0", "--routing-mode=native"];
    return [`ipvlan with ${what}`, [...mode, ...argv], key, message] as const;
  }),
  [
    "routes to nodes beside the tunnel",
    ["--auto-direct-node-routes"],
    "auto-direct-node-routes",
    /false with routing-mode=tunnel/,
  ],
  [
    "unreachable nodes to skip without routes to nodes",
    ["--routing-mode=native", "--direct-routing-skip-unreachable"],
    "direct-routing-skip-unreachable",
    /false without auto-direct-node-routes/,
  ],
  ["etcd without an address", ["--kvstore=etcd"], "kvstore-opt", /etcd\.address=URL or etcd\.config=FILE/],
] as const) {
  test(`the configuration with ${what} is refused in one line that names the key`, () => {
    assert.throws(
      () => load([...ranges, ...argv]),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.key, key);
        assert.match(error.message, message);
        assert.ok(!error.message.includes("\n"));
        return true;
      },
    );
  });
}

test("targets of both families, and what a ConfigMap has for the key-value store, are read", () => {
  const config = load([...ranges, "--policy-confirm-targets=10.0.0.1:6443,[fd00::1]:22,api.local:443"]);
  assert.equal(config.get(options.policyConfirmTargets).length, 3);
  const json = load([...ranges, '--kvstore-opt={"etcd.config": "/var/lib/etcd-config/etcd.config"}']);
  assert.equal(json.get(options.kvstoreOpt).get("etcd.config"), "/var/lib/etcd-config/etcd.config");
});

test("help tells defaults as they are written", () => {
  assert.match(optionHelp([options.kvstoreLeaseTtl]), /default 15m0s\)/);
});

test("config-dir, environment and flags are merged in rising precedence", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "agent-config-"));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const [key, value] of Object.entries({ mtu: "1400", "cluster-name": "file", "node-name": "file" })) {
    writeFileSync(join(directory, key), value);
  }
  const env = { CILIUM_CLUSTER_NAME: "env", CILIUM_NODE_NAME: "env" };
  const config = load([...ranges, `--config-dir=${directory}`, "--node-name=flag"], env);
  const { mtu, clusterName, nodeName } = options;
  assert.deepEqual([config.get(mtu), config.get(clusterName), config.get(nodeName)], [1400, "env", "flag"]);
});

test("an address of the wrong family, or none, is refused", () => {
  const config = (node: string) => load([...ranges, `--ipv4-node=${node}`, "--ipv6-node="]);
  assert.throws(
    () => localAddresses(config("fd00::1")),
    /"ipv4-node" has "fd00::1" \(allowed: an IPv4 address, or auto\)/,
  );
  assert.throws(() => localAddresses(config("")), ConfigError);
});

test("metrics are served where ADDRESS:PORT says", () => {
  const config = (address: string) => load([...ranges, `--prometheus-serve-addr=${address}`]);
  for (const address of [":9962", "127.0.0.1:9962", "[::1]:9962"]) {
    assert.equal(config(address).get(options.prometheus), address);
  }
  assert.throws(() => config("9962"), /"9962"/);
});

test("metrics and limits are chosen by one flag or by several", () => {
  const several = load([...ranges, "--metrics", "-cilium_x +cilium_y", "--metrics=+cilium_z"]);
  assert.deepEqual(several.get(options.metrics), ["-cilium_x", "+cilium_y", "+cilium_z"]);
  const limits = ["endpoint-create=rate-limit:10/m,rate-burst:2", "endpoint-get=log:true"];
  for (const argv of [[`--api-rate-limit=${limits}`], limits.flatMap((limit) => ["--api-rate-limit", limit])]) {
    assert.deepEqual(
      [...load([...ranges, ...argv]).get(options.apiRateLimit)].map(([call, of]) => `${call}=${of}`),
      limits,
    );
  }
});

test("addresses, paths and labels follow from the configuration", () => {
  const argv = [...ranges, "--enable-ipv6=false", "--ipv4-node=192.0.2.1", "--ipv6-node=", "--state-dir=/run/x"];
  const config = load([...argv, "--labels=k8s:app"]);
  const local = localAddresses(config);
  assert.equal(local.ipv4, "192.0.2.1");
  assert.equal(local.ipv6PodCidr, undefined);
  assert.deepEqual(hostAddressing(config, local), {
    ipv4: { enabled: true, ip: local.ipam.router(4), "alloc-range": "10.1.0.0/24" },
    ipv6: { enabled: false },
  });
  assert.equal(statePaths(config).socket, "/run/x/cilium.sock");
  assert.equal(statePaths(load([...argv, "--socket-path=/run/y.sock"])).socket, "/run/y.sock");
  assert.equal(podLabelConfig(config).cluster, "default");
});
