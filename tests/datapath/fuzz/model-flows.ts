// SPDX-License-Identifier: Apache-2.0
// The model's flows: which packets belong to one that policy let in, and which have to ask.
import { CtFlags } from "../../../src/abi/index.ts";
import { type Headers, readQuote, TCP } from "./headers.ts";
import { isPodIdentity } from "./policy.ts";

type Way = "ingress" | "egress";

export interface Flow {
  /** Who opened it: the remote side ("ingress") or the endpoint. */
  readonly openedBy: Way;
  peer: number;
  /** Under which revisions its verdict was given. */
  stamp: string;
  denied: boolean;
  /** CT_F_* but for DENIED and INGRESS. */
  flags: number;
}

export interface Question {
  readonly frame: Uint8Array;
  readonly headers: Headers;
  readonly way: Way;
  /** The endpoint's address. */
  readonly local: string;
  /** Of the remote side as far as it is known; 0: ask the flow, then `lookedUp`. */
  readonly identity: number;
  readonly lookedUp: number;
  readonly stamp: string;
  saw(identity: number): void;
  /** Policy's answer for a peer in a direction. */
  allows(direction: Way, peer: number, port: number): boolean;
}

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
const CLOSING = CtFlags.CT_F_RX_CLOSING | CtFlags.CT_F_TX_CLOSING;
/** Local ports from here on are taken by who opens a connection (net.ipv4.ip_local_port_range). */
const FIRST_EPHEMERAL_PORT = 32768;

export class ModelFlows {
  readonly #flows = new Map<string, Flow>();
  /** Keys of flows that must have an entry if the frame of the last question was forwarded. */
  readonly tracked: string[] = [];

  /** Every flow's key: local, remote, their ports, protocol. */
  entries(): ReadonlyMap<string, Flow> {
    return this.#flows;
  }

  clear(): void {
    this.#flows.clear();
  }

  /** May the packet pass the endpoint? Keeps the books. */
  judge(question: Question): boolean {
    const { headers } = question;
    return headers.icmp === "error" ? this.#judgeError(question) : this.#judgeOther(question);
  }

  /** An error about a flow that is allowed passes, from the flow's other end or from a router outside the cluster. */
  #judgeError(question: Question): boolean {
    const { headers, way } = question;
    const quote = readQuote(question.frame, headers);
    if (way === "ingress") question.saw(question.identity || question.lookedUp);
    if (quote === undefined) return ask(question, way);
    const ingress = way === "ingress";
    const key = ingress
      ? keyOf(quote.source, quote.destination, quote.sourcePort, quote.destinationPort, quote.protocol)
      : keyOf(quote.destination, quote.source, quote.destinationPort, quote.sourcePort, quote.protocol);
    const about = ingress ? quote.source === headers.destination : quote.destination === headers.source;
    const byPeer = ingress ? quote.destination === headers.source : quote.source === headers.destination;
    const flow = about ? this.#flows.get(key) : undefined;
    if (!flow || flow.denied || flow.stamp !== question.stamp) return ask(question, way);
    if (byPeer) return true;
    if (!ingress) return ask(question, way);
    const from = question.identity || question.lookedUp;
    return isPodIdentity(from) ? ask(question, way, from) : true;
  }

  #judgeOther(question: Question): boolean {
    const { headers, way } = question;
    const egress = way === "egress";
    const ports: [number, number] = egress
      ? [headers.sourcePort, headers.destinationPort]
      : [headers.destinationPort, headers.sourcePort];
    const remote = egress ? headers.destination : headers.source;
    const key = keyOf(question.local, remote, ...ports, headers.protocol);
    const flow = this.#flows.get(key);
    if (flow === undefined) return this.#open(question, key);
    const opening = headers.protocol === TCP && (headers.tcpFlags & (SYN | ACK)) === SYN;
    const reply = flow.openedBy !== way;
    if (opening && (flow.denied || flow.flags & (CLOSING | CtFlags.CT_F_RESET))) return this.#open(question, key);
    // A packet that opens something is no reply, an echo request is no answer.
    if (opening && reply) return ask(question, way);
    if (headers.icmp && (headers.icmp === "reply") !== reply) return ask(question, way);
    return this.#follow(question, key, flow, reply);
  }

  #open(question: Question, key: string): boolean {
    const { headers, way } = question;
    const peer = question.identity || question.lookedUp;
    question.saw(peer);
    if (!ask(question, way)) return false;
    if (!this.#flows.has(key)) {
      // Answers to nothing pass by policy alone and leave no entry.
      if (headers.icmp === "reply" || headers.tcpFlags & RST) return true;
      if (!askOpener(question)) return false;
    }
    this.#flows.set(key, {
      openedBy: way,
      peer,
      stamp: question.stamp,
      denied: false,
      flags: flagsOf(headers, way, false),
    });
    this.tracked.push(key);
    return true;
  }

  #follow(question: Question, key: string, flow: Flow, reply: boolean): boolean {
    const { headers, way, identity, stamp } = question;
    const same = way === "egress" || !identity || identity === flow.peer;
    if (flow.denied || flow.stamp !== stamp || !same) {
      const peer = identity || question.lookedUp;
      question.saw(peer);
      if (!ask(question, flow.openedBy, peer, reply)) {
        flow.denied = true;
        return false;
      }
      // An answer from somebody else than the flow was opened to says nothing of what is sent there.
      if (!reply || peer === flow.peer) {
        flow.denied = false;
        flow.peer = peer;
        flow.stamp = stamp;
      }
    } else {
      question.saw(flow.peer);
    }
    flow.flags |= flagsOf(headers, way, reply);
    this.tracked.push(key);
    return true;
  }
}

/** What policy says of a packet in `direction`; a reply is asked about as what it answers. */
function ask(
  question: Question,
  direction: Way,
  peer = question.identity || question.lookedUp,
  reply = false,
): boolean {
  const { headers } = question;
  question.saw(question.way === "ingress" ? peer : 0);
  let port = reply ? headers.sourcePort : headers.destinationPort;
  if (headers.icmp) {
    const request = headers.family === 4 ? 8 : 128;
    port = reply && headers.icmp === "reply" ? request : headers.icmpType;
  }
  return question.allows(direction, peer, port);
}

/** Who opened a connection that is picked up in the middle is told by its local port; that direction is asked too. */
function askOpener(question: Question): boolean {
  const { headers, way } = question;
  if (headers.protocol !== TCP || (headers.tcpFlags & (SYN | ACK)) === SYN) return true;
  const local = way === "egress" ? headers.sourcePort : headers.destinationPort;
  const opener: Way = local >= FIRST_EPHEMERAL_PORT ? "egress" : "ingress";
  return opener === way || ask(question, opener, undefined, true);
}

function flagsOf({ protocol, tcpFlags }: Headers, way: Way, reply: boolean): number {
  let flags = reply ? CtFlags.CT_F_REPLIED : 0;
  if (protocol !== TCP) return flags;
  if (tcpFlags & RST) flags |= CtFlags.CT_F_RESET | CLOSING;
  else if (tcpFlags & FIN) flags |= way === "egress" ? CtFlags.CT_F_TX_CLOSING : CtFlags.CT_F_RX_CLOSING;
  if (!reply && !(tcpFlags & SYN)) flags |= CtFlags.CT_F_SEEN_NON_SYN;
  return flags;
}

export function keyOf(local: string, remote: string, localPort: number, remotePort: number, protocol: number): string {
  return `${local} ${remote} ${localPort} ${remotePort} ${protocol}`;
}
