// SPDX-License-Identifier: Apache-2.0
// All features that are probed for; one line each.
import { bridge } from "./bridge.ts";
import { cgroupConnect } from "./cgroup-connect.ts";
import { cgroupGetpeername } from "./cgroup-getpeername.ts";
import { cgroupSockRelease } from "./cgroup-sock-release.ts";
import { clsact } from "./clsact.ts";
import { dummy } from "./dummy.ts";
import { fibLookup } from "./fib-lookup.ts";
import { geneve } from "./geneve.ts";
import { ipvlan } from "./ipvlan.ts";
import { kernelBtf } from "./kernel-btf.ts";
import { kprobe } from "./kprobe.ts";
import { lpmTrie } from "./lpm-trie.ts";
import { lruHash } from "./lru-hash.ts";
import { mapBatch } from "./map-batch.ts";
import { mapInMap } from "./map-in-map.ts";
import { netkit } from "./netkit.ts";
import { netnsCookieFeature } from "./netns-cookie.ts";
import { percpuHash } from "./percpu-hash.ts";
import { redirectNeigh } from "./redirect-neigh.ts";
import { redirectPeer } from "./redirect-peer.ts";
import { ringbuf } from "./ringbuf.ts";
import { skAssign } from "./sk-assign.ts";
import { skLookup } from "./sk-lookup.ts";
import { sockhash } from "./sockhash.ts";
import { tcx } from "./tcx.ts";
import { tunnelKey } from "./tunnel-key.ts";
import { veth } from "./veth.ts";
import { vrf } from "./vrf.ts";
import { vxlan } from "./vxlan.ts";
import { wireguard } from "./wireguard.ts";
import { xdp } from "./xdp.ts";
import { xdpVeth } from "./xdp-veth.ts";

export const probes = [
  tcx,
  clsact,
  xdp,
  xdpVeth,
  redirectPeer,
  redirectNeigh,
  fibLookup,
  tunnelKey,
  skAssign,
  ringbuf,
  lpmTrie,
  lruHash,
  percpuHash,
  sockhash,
  mapInMap,
  mapBatch,
  cgroupConnect,
  cgroupGetpeername,
  cgroupSockRelease,
  skLookup,
  veth,
  vxlan,
  geneve,
  wireguard,
  bridge,
  dummy,
  ipvlan,
  netkit,
  vrf,
  kprobe,
  kernelBtf,
  netnsCookieFeature,
] as const;

export type FeatureName = (typeof probes)[number]["name"];
