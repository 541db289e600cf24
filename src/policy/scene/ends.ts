// SPDX-License-Identifier: Apache-2.0
// Ends of flows by name: pods, identities, entities, addresses.
import { FormatError, isIp, type Labels, nearest } from "../../core/index.ts";
import { namespaceKey } from "../names.ts";
import type { Scene } from "./scene.ts";

/** One end of a flow. */
export interface SceneEnd {
  readonly identity: number;
  /** As a peer. */
  readonly labels: Labels;
  /** As policies select it; undefined where none are enforced: addresses, other nodes. */
  readonly subject: Labels | undefined;
}

/** Finds `[NAMESPACE/]POD`, an identity's number, an entity such as `world`, or an address. Throws FormatError. */
export function findEnd(scene: Scene, text: string): SceneEnd {
  const id = scene.identityOf(text) ?? scene.identityOf(`default/${text}`) ?? identityOfNumber(scene, text);
  if (id !== undefined) return endOf(scene, id);
  if (isIp(text)) return endOf(scene, identityOfAddress(scene, text));
  const entity =
    reservedIdentity(scene, text.replace(/^reserved:/, "")) ?? (text === "world" ? worldOf(scene) : undefined);
  if (entity !== undefined) return endOf(scene, entity);
  const names = scene.names();
  const close = nearest(text, names) ?? nearest(`default/${text}`, names);
  const hint = close === undefined ? "" : ` (did you mean "${close}"?)`;
  throw new FormatError(`Cannot find "${text}": no pod, identity, entity or address that is known${hint}`);
}

function reservedIdentity(scene: Scene, name: string): number | undefined {
  return scene.peers.find(({ labels }) => labels.size === 1 && labels.has("reserved", name))?.id;
}

/** Where the families are told apart, IPv4's. */
function worldOf(scene: Scene): number | undefined {
  return reservedIdentity(scene, "world") ?? reservedIdentity(scene, "world-ipv4");
}

function identityOfNumber(scene: Scene, text: string): number | undefined {
  return scene.peers.find(({ id }) => String(id) === text)?.id;
}

function endOf(scene: Scene, identity: number): SceneEnd {
  const peer = scene.peers.find(({ id }) => id === identity);
  if (peer === undefined) throw new FormatError(`Cannot find identity ${identity}: it is not known`);
  const { labels } = peer;
  const endpoint = scene.endpoints.find(({ id }) => id === identity);
  const isPod = labels.has("k8s", namespaceKey);
  return { identity, labels, subject: endpoint?.labels ?? (isPod ? labels : undefined) };
}

function identityOfAddress(scene: Scene, ip: string): number {
  const world = reservedIdentity(scene, ip.includes(":") ? "world-ipv6" : "world-ipv4");
  const found = scene.identityOf(ip) ?? scene.identityAround(ip) ?? world ?? worldOf(scene);
  if (found === undefined) throw new FormatError(`Cannot find address "${ip}": the world is not known`);
  return found;
}
