// SPDX-License-Identifier: Apache-2.0
// File ids of drop events and metrics. Names are Cilium's where it has the id, since operators' tools know them.
import { SourceFile } from "../../abi/index.ts";

/** Id to name. */
export const files: ReadonlyMap<number, string> = new Map([
  [SourceFile.FILE_HOST, "bpf_host.c"],
  [SourceFile.FILE_CONTAINER, "bpf_lxc.c"],
  [SourceFile.FILE_OVERLAY, "bpf_overlay.c"],
  [SourceFile.FILE_XDP, "bpf_xdp.c"],
  [5, "bpf_sock.c"],
  [SourceFile.FILE_ENTRY, "bpf_entry.c"],
  [7, "bpf_wireguard.c"],
  [101, "drop.h"],
  [102, "srv6.h"],
  [SourceFile.FILE_ICMP, "icmp6.h"],
  [104, "nodeport.h"],
  [105, "lb.h"],
  [106, "mcast.h"],
  [SourceFile.FILE_IPV4, "ipv4.h"],
  [SourceFile.FILE_CONNTRACK, "conntrack.h"],
  [SourceFile.FILE_LOCAL_DELIVERY, "local_delivery.h"],
  [110, "trace.h"],
  [SourceFile.FILE_ENCAP, "encap.h"],
  [SourceFile.FILE_HOST_FIREWALL, "host_firewall.h"],
  [113, "nodeport_egress.h"],
  [SourceFile.FILE_IPV6, "ipv6.h"],
  [115, "classifiers.h"],
  [SourceFile.FILE_ARP, "arp.h"],
  [SourceFile.FILE_NDP, "ndp.h"],
  [SourceFile.FILE_ETH, "eth.h"],
  [SourceFile.FILE_FRAGMENT, "fragment.h"],
  [SourceFile.FILE_L4, "l4.h"],
  [SourceFile.FILE_POLICY, "policy.h"],
  [SourceFile.FILE_IP, "ip.h"],
  [SourceFile.FILE_UNDERLAY, "underlay.h"],
  [SourceFile.FILE_FROM_UNDERLAY, "bpf_underlay.c"],
  [SourceFile.FILE_NETDEV, "bpf_netdev.c"],
  [SourceFile.FILE_NAT, "nat.h"],
  [SourceFile.FILE_MASQUERADE, "masquerade.h"],
  [SourceFile.FILE_IPVLAN, "ipvlan.h"],
  [SourceFile.FILE_POD, "bpf_pod.c"],
  [SourceFile.FILE_JUDGE, "judge.h"],
  [SourceFile.FILE_UNMASQUERADE, "unmasquerade.h"],
  [SourceFile.FILE_NAT_REWRITE, "nat_rewrite.h"],
  [SourceFile.FILE_NAT_PORT, "nat_port.h"],
  [SourceFile.FILE_ENTER_POD, "enter_pod.h"],
]);

/** The name of a file id, `unknown(ID)` when there is none. */
export function fileName(id: number): string {
  return files.get(id) ?? `unknown(${id})`;
}
