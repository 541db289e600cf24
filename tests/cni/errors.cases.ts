// SPDX-License-Identifier: Apache-2.0
// Calls that the specification has an error code for, and what the plugin has to say.
import type { Json } from "./caller.ts";

export interface ErrorCase {
  readonly name: string;
  readonly command: string;
  readonly config?: Json | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly msg: RegExp;
}

/** `folder` has a link to itself, `loop`, and a plain file, `file`. */
export const errorCases = (folder: string): readonly ErrorCase[] => [
  { name: "a version that nobody has", command: "ADD", config: { cniVersion: "2.0.0" }, code: 1, msg: /"2\.0\.0"/ },
  { name: "CHECK before 0.4.0", command: "CHECK", config: { cniVersion: "0.3.1" }, code: 1, msg: /since 0\.4\.0/ },
  { name: "STATUS before 1.1.0", command: "STATUS", config: { cniVersion: "1.0.0" }, code: 1, msg: /since 1\.1\.0/ },
  { name: "GC before 1.1.0", command: "GC", config: { cniVersion: "1.0.0" }, code: 1, msg: /since 1\.1\.0/ },
  {
    name: "IPAM of another plugin",
    command: "ADD",
    config: { ipam: { type: "dhcp" } },
    code: 2,
    msg: /"ipam\.type": "dhcp"/,
  },
  { name: "a chaining mode of others", command: "ADD", config: { "chaining-mode": "azure" }, code: 2, msg: /"azure"/ },
  { name: "no command", command: "", code: 4, msg: /CNI_COMMAND: it is not set/ },
  { name: "a command that there is not", command: "UPDATE", code: 4, msg: /"UPDATE" is no command/ },
  { name: "no container", command: "ADD", env: { CNI_CONTAINERID: "" }, code: 4, msg: /CNI_CONTAINERID not set/ },
  { name: "a bad container", command: "DEL", env: { CNI_CONTAINERID: "a/b" }, code: 4, msg: /CNI_CONTAINERID "a\/b"/ },
  { name: "a bad interface", command: "DEL", env: { CNI_IFNAME: "eth 0" }, code: 4, msg: /CNI_IFNAME "eth 0"/ },
  { name: "no namespace", command: "ADD", env: { CNI_NETNS: "" }, code: 4, msg: /CNI_NETNS not set/ },
  {
    name: "a file as namespace",
    command: "ADD",
    env: { CNI_NETNS: `${folder}/file` },
    code: 4,
    msg: /not a network namespace/,
  },
  { name: "unknown arguments", command: "ADD", env: { CNI_ARGS: "A=1" }, code: 4, msg: /unknown key "A"/ },
  { name: "arguments without values", command: "ADD", env: { CNI_ARGS: "A" }, code: 4, msg: /"A" is not KEY=VALUE/ },
  {
    name: "a namespace that cannot be read",
    command: "DEL",
    env: { CNI_NETNS: `${folder}/loop` },
    code: 5,
    msg: /loop": ELOOP/,
  },
  { name: "no configuration", command: "ADD", config: " ", code: 6, msg: /stdin is empty/ },
  { name: "half a configuration", command: "ADD", config: '{"name": ', code: 6, msg: /Cannot read configuration/ },
  { name: "a configuration without name", command: "ADD", config: { name: "" }, code: 7, msg: /"name" is not set/ },
  { name: "a name that is a path", command: "ADD", config: { name: "a/b" }, code: 7, msg: /"name": "a\/b"/ },
  { name: "a version that is none", command: "ADD", config: { cniVersion: "one" }, code: 1, msg: /"one"/ },
  {
    name: "a version that is a number",
    command: "ADD",
    config: { cniVersion: 1 },
    code: 1,
    msg: /cniVersion that is no text/,
  },
  {
    name: "a namespace that is not there",
    command: "ADD",
    env: { CNI_NETNS: "/run/netns/none-such" },
    code: 4,
    msg: /CNI_NETNS "\/run\/netns\/none-such"/,
  },
  {
    name: "CHECK of a container that nobody added",
    command: "CHECK",
    config: { prevResult: { interfaces: [{ name: "eth0", sandbox: "x" }] } },
    code: 100,
    msg: /Cannot get the endpoint's health/,
  },
  ...[{ ips: [{ address: "x" }] }, { ips: {} }, []].map((prevResult) => ({
    name: `CHECK of the result ${JSON.stringify(prevResult)}`,
    command: "CHECK",
    config: { prevResult },
    code: 7,
    msg: /prevResult/,
  })),
  {
    name: "a result before ours",
    command: "ADD",
    config: { prevResult: { ips: [] } },
    code: 7,
    msg: /"chaining-mode" is none/,
  },
  {
    name: "chaining without a result",
    command: "ADD",
    config: { "chaining-mode": "generic-veth" },
    code: 7,
    msg: /"prevResult" is not set/,
  },
  { name: "CHECK without a result", command: "CHECK", code: 7, msg: /"prevResult" is not set/ },
  { name: "GC without attachments", command: "GC", code: 7, msg: /"cni\.dev\/valid-attachments" is not set/ },
  {
    name: "bad attachments",
    command: "GC",
    config: { "cni.dev/valid-attachments": [{}] },
    code: 7,
    msg: /no "containerID"/,
  },
  {
    name: "a group's MAC",
    command: "ADD",
    config: { runtimeConfig: { mac: "01:00:00:00:00:01" } },
    code: 7,
    msg: /not the MAC address/,
  },
  {
    name: "two addresses of a family",
    command: "ADD",
    config: { runtimeConfig: { ips: ["10.0.0.1", "10.0.0.2"] } },
    code: 7,
    msg: /2 IPv4 addresses/,
  },
  {
    name: "containerd that is down",
    command: "ADD",
    config: { "label-source": { runtime: "containerd", socket: `${folder}/none.sock` } },
    code: 11,
    msg: /Cannot ask containerd at ".*none\.sock" for labels: .*ENOENT/,
  },
  {
    name: "podman that is down",
    command: "ADD",
    config: { "label-source": { runtime: "podman", socket: `${folder}/none.sock` } },
    code: 11,
    msg: /Cannot ask podman at ".*none\.sock" for labels: .*ENOENT.*podman\.socket/,
  },
  {
    name: "labels of others' sources",
    command: "ADD",
    config: { labels: ["reserved:host"] },
    code: 105,
    msg: /Cannot use label "reserved:host"/,
  },
  {
    name: "an agent that is down",
    command: "CHECK",
    config: { "agent-socket": `${folder}/none.sock`, prevResult: { interfaces: [{ name: "eth0", sandbox: "x" }] } },
    code: 11,
    msg: /none\.sock": ENOENT/,
  },
  {
    name: "STATUS of an agent that is down",
    command: "STATUS",
    config: { "agent-socket": `${folder}/none.sock` },
    code: 50,
    msg: /Cannot serve ADD/,
  },
];
