// SPDX-License-Identifier: Apache-2.0
// A node with an underlay of its own, and frames as they are in the tunnel.

import { ipToBytes } from "../../src/core/index.ts";
import { createAnonymousNetns, type Fd, Rtnetlink, withNetns, writeSysctl } from "../../src/kernel/index.ts";
import { checksum, concat, EtherType, frame, u16, u32 } from "./packet.ts";
import { otherNode, podC, World } from "./world.ts";

export const TUNNEL_PORT = 8472;
export const UNDERLAY_MTU = 1400;
/** Its address on the underlay. */
export const thisNode = "172.31.240.1";

/** A world whose programs write and take tunnel headers, and a namespace with a way to the other node. */
export class TunnelNode implements Disposable {
  readonly world: World;
  readonly netns: Fd;
  readonly rtnl: Rtnetlink;

  /** `variables` are of bpf/lib/config.h. */
  constructor(variables: Record<string, number> = {}) {
    const address = ipToBytes(thisNode);
    const tunnel_ipv4 = new DataView(address.buffer, address.byteOffset).getUint32(0, true);
    this.world = new World({ tunnelPort: TUNNEL_PORT, variables: { tunnel_ipv4, ...variables } });
    this.netns = createAnonymousNetns();
    this.rtnl = new Rtnetlink({ netns: this.netns });
    withNetns(this.netns, () => writeSysctl("net.ipv4.conf.all.forwarding", "1"));
    const { ifindex } = this.rtnl.createVeth({ name: "eth0", peer: { name: "wire" } });
    for (const name of ["eth0", "wire"]) this.rtnl.setLink(name, { up: true, mtu: UNDERLAY_MTU });
    this.rtnl.addAddress({ ifindex, address: thisNode, prefixLength: 24 });
  }

  [Symbol.dispose](): void {
    this.rtnl.close();
    this.netns.close();
    this.world[Symbol.dispose]();
  }
}

/** Of the outer headers, what is not as usual. */
export interface Outer {
  readonly vni?: number;
  readonly source?: string;
  readonly destination?: string;
  readonly port?: number;
  readonly tos?: number;
  readonly protocol?: number;
  /** Flags and offset of the IP header. */
  readonly fragment?: number;
  readonly totalLength?: number;
  readonly udpLength?: number;
  readonly udpChecksum?: number;
  readonly vxlanFlags?: number;
  readonly mac?: string;
}

/** A frame as the other node sends it; the MAC of the loopback device, where a test run is, is zero. */
export function inTunnel(inner: Uint8Array, outer: Outer = {}): Uint8Array {
  const udpLength = outer.udpLength ?? 16 + inner.length;
  const header = concat(
    Uint8Array.of(0x45, outer.tos ?? 0),
    u16(outer.totalLength ?? 36 + inner.length),
    u16(0),
    u16(outer.fragment ?? 0x4000),
    Uint8Array.of(64, outer.protocol ?? 17, 0, 0),
    ipToBytes(outer.source ?? otherNode.ipv4),
    ipToBytes(outer.destination ?? thisNode),
  );
  header.set(u16(checksum(header)), 10);
  const udp = [40000, outer.port ?? TUNNEL_PORT, udpLength, outer.udpChecksum ?? 0].map(u16);
  const vxlan = [outer.vxlanFlags ?? 0x08000000, (outer.vni ?? podC.identity) * 256].map(u32);
  const macs = { source: "02:00:00:00:00:01", destination: outer.mac ?? "00:00:00:00:00:00" };
  return frame(macs, EtherType.IPV4, concat(header, ...udp, ...vxlan, inner));
}
