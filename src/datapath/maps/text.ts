// SPDX-License-Identifier: Apache-2.0
// Entries of maps as Cilium writes them, in dumps of maps and of what is wanted in them.
import type { IpcacheMapRow } from "./types.ts";

/** What an address of an endpoint leads to. */
export interface EndpointInfo {
  readonly id: number;
  readonly identity: number;
  readonly ifindex: number;
  readonly mac: string;
  readonly nodeMac: string;
  readonly parentIfindex?: number | undefined;
}

/** `id=1234  sec_id=4711  flags=0x0000 ifindex=9   mac=AA:… nodemac=BB:… parent_ifindex=0   rt_info:0`. */
export function endpointInfoText(info: EndpointInfo): string {
  const [id, identity] = [info.id, info.identity].map((number) => String(number).padEnd(5));
  const [ifindex, parent] = [info.ifindex, info.parentIfindex ?? 0].map((number) => String(number).padEnd(3));
  const macs = `mac=${info.mac.toUpperCase()} nodemac=${info.nodeMac.toUpperCase()}`;
  return `id=${id} sec_id=${identity} flags=0x0000 ifindex=${ifindex} ${macs} parent_ifindex=${parent} rt_info:0`;
}

/** `identity=2 encryptkey=0 tunnelendpoint=172.18.0.3 flags=hastunnel`. */
export function ipcacheInfoText(row: Omit<IpcacheMapRow, "prefix">): string {
  const flags = [
    row.skipTunnel ? "skiptunnel" : "",
    row.tunnelEndpoint === undefined ? "" : "hastunnel",
    row.tunnelEndpoint?.includes(":") === true ? "ipv6tunnel" : "",
    row.remoteCluster ? "remotecluster" : "",
  ].filter((word) => word !== "");
  const tunnel = row.tunnelEndpoint ?? "0.0.0.0";
  const words = flags.length === 0 ? "<none>" : flags.join(",");
  return `identity=${row.identity} encryptkey=${row.encryptKey} tunnelendpoint=${tunnel} flags=${words}`;
}
