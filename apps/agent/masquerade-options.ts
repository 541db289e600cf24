// SPDX-License-Identifier: Apache-2.0
// Configuration keys of masquerading. Names are Cilium's. Its default for enable-bpf-masquerade is false, which means
// masquerading by iptables: there is no such thing here.
import { type ConfigCheck, configTypes, defineOption } from "../../src/core/index.ts";

const { boolean, cidr, list, path } = configTypes;

export const masqueradeOptions = {
  enableIpv4Masquerade: defineOption({
    name: "enable-ipv4-masquerade",
    schema: boolean(),
    default: true,
    description: "Give what pods send to the outside over IPv4 the node's address",
  }),
  enableIpv6Masquerade: defineOption({
    name: "enable-ipv6-masquerade",
    schema: boolean(),
    default: true,
    description: "The same over IPv6",
  }),
  enableBpfMasquerade: defineOption({
    name: "enable-bpf-masquerade",
    schema: boolean(),
    default: true,
    description: "Masquerade in eBPF; there is no other way here",
  }),
  enableHostLegacyRouting: defineOption({
    name: "enable-host-legacy-routing",
    schema: boolean(),
    default: false,
    description: "Send pods' packets to the outside through the stack, so that its netfilter rules see them",
  }),
  egressMasqueradeInterfaces: defineOption({
    name: "egress-masquerade-interfaces",
    schema: list(),
    default: [] as readonly string[],
    description: "Masquerade only at these of the devices that lead out (eth+ is every eth…)",
  }),
  ipv4NativeRoutingCidr: defineOption({
    name: "ipv4-native-routing-cidr",
    schema: cidr(4),
    default: "",
    description: "Where pods' IPv4 addresses are known: what goes there is not masqueraded; empty: the node's pod CIDR",
  }),
  ipv6NativeRoutingCidr: defineOption({
    name: "ipv6-native-routing-cidr",
    schema: cidr(6),
    default: "",
    description: "The same for IPv6",
  }),
  enableIpMasqAgent: defineOption({
    name: "enable-ip-masq-agent",
    schema: boolean(),
    default: false,
    description: "Take what is not masqueraded from the ip-masq-agent's file",
  }),
  ipMasqAgentConfigPath: defineOption({
    name: "ip-masq-agent-config-path",
    schema: path("file"),
    default: "/etc/config/ip-masq-agent",
    description: "The ip-masq-agent's file, read again when it changes",
  }),
} as const;

/** Rules over several keys. */
export const masqueradeChecks: readonly ConfigCheck[] = [
  (config) => {
    const { enableBpfMasquerade, enableIpv4Masquerade, enableIpv6Masquerade } = masqueradeOptions;
    if (config.get(enableBpfMasquerade)) return undefined;
    const on = [enableIpv4Masquerade, enableIpv6Masquerade].find((option) => config.get(option));
    if (on === undefined) return undefined;
    const allowed = `true, since there is no masquerading by iptables, or ${on.name}=false`;
    return { key: enableBpfMasquerade.name, found: `false, with ${on.name}`, allowed };
  },
  (config) => {
    const { enableIpMasqAgent, enableIpv4Masquerade, enableIpv6Masquerade } = masqueradeOptions;
    if (!config.get(enableIpMasqAgent) || config.get(enableIpv4Masquerade) || config.get(enableIpv6Masquerade))
      return undefined;
    const allowed = `false, or ${enableIpv4Masquerade.name} or ${enableIpv6Masquerade.name}`;
    return { key: enableIpMasqAgent.name, found: "true, without masquerading", allowed };
  },
];
