// SPDX-License-Identifier: Apache-2.0
// What the datapath has to do with a frame, by its documents (docs/designs/0001, bpf/README.md, bpf/abi): a model to
// compare the programs with. It knows the small world of tests/datapath/world.ts.
import { EndpointConfigFlags, PolicyDirection } from "../../../src/abi/index.ts";
import { ip16, ipToBytes, macToBytes } from "../../../src/core/index.ts";
import type { Hook } from "../case.ts";
import {
  cidrHost,
  otherNode,
  otherRouter,
  type Pod,
  podA,
  podB,
  podC,
  router,
  WORLD_IPV4,
  WORLD_IPV6,
} from "../world.ts";
import { answerArp, answerNeighbor } from "./answers.ts";
import { ETH, type Family, type Headers, hexOf, readHeaders, u16at } from "./headers.ts";
import { ModelFlows } from "./model-flows.ts";
import { isPodIdentity, ModelPolicy } from "./policy.ts";

/** Where a forwarded frame goes. `packet` is what it has to be then. */
export type Outcome =
  | { readonly to: "dropped" }
  | {
      readonly to: "sender" | "pod" | "stack" | "tunnel" | "pod-device";
      readonly packet: Uint8Array;
      readonly mark?: number;
      readonly pod?: Pod;
    };

export interface PodState {
  readonly pod: Pod;
  identity: number;
  flags: number;
  revision: number;
}

const DROPPED: Outcome = { to: "dropped" };
const IDENTITY_HOST = 1;
const IDENTITY_REMOTE_NODE = 6;
const MARK_OVERLAY = 0x400;
const MARK_IDENTITY = 0xf00;

interface Place {
  readonly route: "local" | "tunnel" | "stack" | "host";
  readonly identity: number;
  readonly pod?: PodState;
}

export class Model {
  readonly pods: readonly PodState[];
  readonly policy = new ModelPolicy();
  readonly flows = new ModelFlows();
  readonly #fragments = new Map<string, Pick<Headers, "sourcePort" | "destinationPort" | "icmpType" | "icmp">>();
  remoteIdentity: number = podC.identity;
  ipcacheRevision = 1;
  /** Source identities that events of the frame sent last may name. */
  identities = new Set<number>();

  constructor() {
    this.pods = [podA, podB].map((pod) => ({ pod, identity: pod.identity, flags: 0, revision: 1 }));
  }

  podState(pod: Pod): PodState {
    const found = this.pods.find((state) => state.pod.id === pod.id);
    if (found === undefined) throw new Error(`Cannot find pod ${pod.id}`);
    return found;
  }

  /** Takes a frame in at a hook, as the programs there would. */
  send(frame: Uint8Array, hook: Hook): Outcome {
    this.identities = new Set([0]);
    switch (hook.at) {
      case "from-pod":
        return this.#fromPod(frame, this.podState(hook.pod));
      case "to-pod": {
        const mark = hook.mark ?? 0;
        const identity = (mark & 0xf00) === MARK_IDENTITY ? identityIn(mark) : 0;
        return this.#toPod(frame, this.podState(hook.pod), identity, "pod-device");
      }
      case "from-overlay":
        return this.#fromOverlay(frame, hook.vni, hook.outerSource);
      case "from-host":
        return this.#fromHost(frame, hook.ingressIfindex ?? 0);
      default:
        throw new Error(`Cannot model ${hook.at}`);
    }
  }

  #fromPod(frame: Uint8Array, state: PodState): Outcome {
    const { pod, identity } = state;
    this.identities.add(identity);
    if (hexOf(frame.subarray(6, 12)) !== hexOf(macToBytes(pod.mac))) return DROPPED;
    const etherType = u16at(frame, 12);
    if (etherType === 0x0806) return answered(answerArp(frame, pod));
    const headers = readFamily(frame, etherType);
    if (headers === undefined) return DROPPED;
    if (headers.icmp === "neighbor") return answered(answerNeighbor(frame, headers, pod));
    if (headers.source !== addressOf(pod, headers.family) || isMulticast(headers)) return DROPPED;
    if (hexOf(frame.subarray(0, 6)) !== hexOf(macToBytes(pod.nodeMac))) return DROPPED;
    const whole = this.#joinFragment(headers);
    if (whole === undefined) return DROPPED;
    const place = this.#place(whole.destination, whole.family);
    if (!this.#judge(frame, whole, state, "egress", place.identity)) return DROPPED;
    if (place.route === "local" && place.pod) return this.#toPod(frame, place.pod, identity, "pod");
    if (place.route === "tunnel") return { to: "tunnel", packet: frame, mark: markOf(MARK_OVERLAY, identity) };
    return { to: "stack", packet: frame, mark: 0 };
  }

  /** `identity` 0: nobody has said who the sender is. */
  #toPod(frame: Uint8Array, state: PodState, identity: number, to: "pod" | "pod-device"): Outcome {
    this.identities.add(identity);
    const headers = readFamily(frame, u16at(frame, 12));
    if (headers === undefined || headers.icmp === "neighbor") return DROPPED;
    if (headers.destination !== addressOf(state.pod, headers.family)) return DROPPED;
    const whole = this.#joinFragment(headers);
    if (whole === undefined) return DROPPED;
    if (!this.#judge(frame, whole, state, "ingress", identity)) return DROPPED;
    if (headers.ttl <= 1) return DROPPED;
    return { to, packet: delivered(frame, headers.family, state.pod) };
  }

  #fromOverlay(frame: Uint8Array, vni: number, outerSource: string): Outcome {
    const family = familyOf(u16at(frame, 12));
    if (family === undefined || !isOtherNode(outerSource)) return DROPPED;
    if (vni === 0 || vni >= 2 ** 24) return DROPPED;
    const identity = vni === IDENTITY_HOST ? IDENTITY_REMOTE_NODE : vni;
    this.identities.add(identity);
    const addresses = readAddresses(frame, family);
    if (addresses === undefined || this.#isLocal(addresses.source, family)) return DROPPED;
    const place = this.#place(addresses.destination, family);
    if (place.route === "host") return { to: "stack", packet: frame, mark: 0 };
    return place.pod === undefined ? DROPPED : this.#toPod(frame, place.pod, identity, "pod");
  }

  #fromHost(frame: Uint8Array, device: number): Outcome {
    const family = familyOf(u16at(frame, 12));
    if (family === undefined) return { to: "stack", packet: frame };
    const addresses = readAddresses(frame, family);
    if (addresses === undefined) return DROPPED;
    if (isMulticast({ ...addresses, family })) return { to: "stack", packet: frame };
    const place = this.#place(addresses.destination, family);
    if (place.route === "host") return { to: "stack", packet: frame };
    const source = this.#place(addresses.source, family);
    this.identities.add(source.identity);
    if (place.route === "stack") return DROPPED;
    // Pods of this node come from their devices, pods and hosts of others through the tunnel.
    if (device && source.pod && source.pod.pod.ifindex !== device) return DROPPED;
    if (device && !source.pod && (isPodIdentity(source.identity) || source.route === "tunnel")) return DROPPED;
    const identity = device && source.route === "host" ? worldOf(family) : source.identity;
    this.identities.add(identity);
    if (place.pod) {
      return { to: "pod", pod: place.pod.pod, packet: frame, mark: markOf(MARK_IDENTITY, identity) };
    }
    const shown = identity >= 2 ** 24 ? worldOf(family) : identity;
    this.identities.add(shown);
    return { to: "tunnel", packet: frame, mark: markOf(MARK_OVERLAY, shown) };
  }

  #judge(frame: Uint8Array, headers: Headers, state: PodState, way: "ingress" | "egress", identity: number): boolean {
    const enforce = EndpointConfigFlags;
    const named = identity || this.#place(headers.source, headers.family).identity;
    return this.flows.judge({
      frame,
      headers,
      way,
      local: way === "egress" ? headers.source : headers.destination,
      identity,
      lookedUp: named,
      stamp: `${state.revision}/${this.ipcacheRevision}`,
      saw: (peer) => this.identities.add(peer),
      allows: (direction, peer, port) => {
        const ingress = direction === "ingress";
        if (!(state.flags & (ingress ? enforce.ENDPOINT_ENFORCE_INGRESS : enforce.ENDPOINT_ENFORCE_EGRESS)))
          return true;
        return this.policy.allows({
          set: ingress ? state.pod.ingressSet : state.pod.egressSet,
          direction: ingress ? PolicyDirection.DIRECTION_INGRESS : PolicyDirection.DIRECTION_EGRESS,
          identity: peer,
          protocol: headers.protocol,
          port,
        });
      },
    });
  }

  /** Later fragments are what their first one was; a first one is remembered. */
  #joinFragment(headers: Headers): Headers | undefined {
    const { source, destination, fragmentId, protocol, fragment } = headers;
    const key = `${source} ${destination} ${fragmentId} ${protocol}`;
    if (fragment === "none") return headers;
    if (fragment === "later") {
      const first = this.#fragments.get(key);
      return first && { ...headers, ...first };
    }
    if (headers.icmp === "error") return undefined;
    const { sourcePort, destinationPort, icmpType, icmp } = headers;
    this.#fragments.set(key, { sourcePort, destinationPort, icmpType, ...(icmp && { icmp }) });
    return headers;
  }

  #isLocal(address: string, family: Family): boolean {
    return [...this.pods.map(({ pod }) => pod), router].some((of) => addressOf(of, family) === address);
  }

  #place(address: string, family: Family): Place {
    const is = (of: { ipv4: string; ipv6: string }) => addressOf(of, family) === address;
    const pod = this.pods.find((state) => is(state.pod));
    if (pod) return { route: "local", identity: pod.identity, pod };
    if (is(router)) return { route: "host", identity: IDENTITY_HOST };
    if (is(podC)) return { route: "tunnel", identity: this.remoteIdentity };
    if (is(otherRouter)) return { route: "tunnel", identity: IDENTITY_REMOTE_NODE };
    const cidr = family === 4 ? address.startsWith("c63364") : address.startsWith("20010db80051");
    return { route: "stack", identity: cidr ? cidrHost.identity : worldOf(family) };
  }
}

function worldOf(family: Family): number {
  return family === 4 ? WORLD_IPV4 : WORLD_IPV6;
}

function isOtherNode(address: string): boolean {
  return address === otherNode.ipv4 || address === otherNode.ipv6;
}

function answered(packet: Uint8Array | undefined): Outcome {
  return packet === undefined ? DROPPED : { to: "sender", packet };
}

function markOf(magic: number, identity: number): number {
  return (magic | (identity << 16) | ((identity >> 16) & 0xff) | (((identity >> 24) & 3) << 12)) >>> 0;
}

function identityIn(mark: number): number {
  return (mark >>> 16) | ((mark & 0xff) << 16) | (((mark >> 12) & 3) << 24);
}

function familyOf(etherType: number): Family | undefined {
  return etherType === 0x0800 ? 4 : etherType === 0x86dd ? 6 : undefined;
}

function readFamily(frame: Uint8Array, etherType: number): Headers | undefined {
  const family = familyOf(etherType);
  return family && readHeaders(frame, family);
}

function readAddresses(frame: Uint8Array, family: Family): { source: string; destination: string } | undefined {
  const [from, size] = family === 4 ? [ETH + 12, 4] : [ETH + 8, 16];
  const to = from + 2 * size;
  if (frame.length < to) return undefined;
  return { source: hexOf(frame.subarray(from, from + size)), destination: hexOf(frame.subarray(from + size, to)) };
}

/** Hexadecimal address of a family. */
export function addressOf(of: { ipv4: string; ipv6: string }, family: Family): string {
  return hexOf(family === 4 ? ipToBytes(of.ipv4) : ip16(of.ipv6));
}

function isMulticast({ destination, family }: { destination: string; family: Family }): boolean {
  if (family === 6) return destination.startsWith("ff");
  return destination.startsWith("e") || destination === "ffffffff";
}

/** As a pod gets a frame: from its gateway, one hop less, the IPv4 checksum right if it was. */
function delivered(frame: Uint8Array, family: Family, pod: Pod): Uint8Array {
  const out = Uint8Array.from(frame);
  out.set(macToBytes(pod.mac), 0);
  out.set(macToBytes(pod.nodeMac), 6);
  const ttl = ETH + (family === 4 ? 8 : 7);
  out[ttl] = (out[ttl] ?? 0) - 1;
  if (family === 4) {
    const sum = u16at(out, ETH + 10) + 0x100;
    const folded = sum >= 0xffff ? sum - 0xffff : sum;
    out[ETH + 10] = folded >> 8;
    out[ETH + 11] = folded & 0xff;
  }
  return out;
}
