// SPDX-License-Identifier: Apache-2.0
// The addresses of a new pod: those that the runtime asks for, and for the other families the agent's next ones.
import type { DaemonConfiguration, IPAMResponse, NodeAddressing } from "../../src/api/index.ts";
import { type Family, ipFamily } from "../../src/core/index.ts";
import type { Agent } from "./agent.ts";
import type { AttachmentEnvironment } from "./environment.ts";
import { CniError, cniCodes, toCniError } from "./errors.ts";
import type { Request } from "./request.ts";
import type { PodAddress } from "./result.ts";
import { addressOf, oneOfEachFamily } from "./runtime-config.ts";

export interface PodAddresses {
  readonly addresses: readonly PodAddress[];
  /** For the endpoint's request. */
  readonly addressing: NonNullable<IPAMResponse["address"]>;
  /** What the agent lent, to be given back when the endpoint does not come to be. */
  readonly lent: readonly string[];
}

/**
 * An address that the runtime asks for is taken only when the endpoint is made: nothing is to be given back then.
 * Throws CniError 102 when there is none, 7 for a bad one.
 */
export async function findAddresses(
  client: Agent,
  request: Request,
  attachment: AttachmentEnvironment,
  agentConfig: DaemonConfiguration,
): Promise<PodAddresses> {
  const wanted = wantedAddresses(request, attachment);
  const { addressing } = agentConfig.status;
  for (const ip of wanted) {
    if (addressing[key(ipFamily(ip))]?.enabled !== true) {
      throw new CniError(cniCodes.ipamFailed, `Cannot use address ${ip}: the agent has no pool of its family`);
    }
  }
  const missing = ([4, 6] as const).filter((family) => !wanted.some((ip) => ipFamily(ip) === family));
  const lease = missing.length === 0 ? undefined : await lend(client, request, attachment, wanted, missing, addressing);
  const lent = missing.flatMap((family) => lease?.address[key(family)] || []);
  const router = { ...addressing, ...lease?.["host-addressing"] };
  const addresses = [...wanted, ...lent].map((address) => withGateway(address, router));
  if (addresses.length === 0) throw new CniError(cniCodes.ipamFailed, "Cannot ADD: the agent gave no address");
  return {
    addresses: addresses.sort((a, b) => a.family - b.family),
    addressing: {
      ...lease?.address,
      ...uuids(lease),
      ...Object.fromEntries(wanted.map((ip) => [key(ipFamily(ip)), ip])),
    },
    lent,
  };
}

/** Newer conventions before older ones. */
function wantedAddresses({ config }: Request, { wanted }: AttachmentEnvironment): readonly string[] {
  if (config.runtimeConfig.ips.length > 0) return config.runtimeConfig.ips;
  const given = wanted.ip === "" ? [] : wanted.ip.split(",");
  return oneOfEachFamily(given.map((ip) => addressOf(ip, "CNI_ARGS IP")));
}

async function lend(
  client: Agent,
  request: Request,
  { containerId, pod }: AttachmentEnvironment,
  wanted: readonly string[],
  missing: readonly Family[],
  addressing: NodeAddressing,
): Promise<IPAMResponse | undefined> {
  const [family] = missing;
  if (wanted.length > 0 && (family === undefined || addressing[key(family)]?.enabled !== true)) return undefined;
  const owner = pod.name === "" ? containerId : `${pod.namespace}/${pod.name}`;
  const only = wanted.length > 0 && family !== undefined ? { family: key(family) } : {};
  try {
    return await client.ipamAllocate({ owner, pool: request.config.pool, expiration: true, ...only });
  } catch (error) {
    throw toCniError(error, cniCodes.ipamFailed);
  }
}

function withGateway(address: string, routers: NodeAddressing): PodAddress {
  const family = ipFamily(address);
  const gateway = routers[key(family)]?.ip ?? "";
  if (gateway !== "") return { family, address, gateway };
  throw new CniError(cniCodes.ipamFailed, `Cannot use address ${address}: the agent named no router for it`);
}

function uuids(lease: IPAMResponse | undefined): Record<string, string> {
  const [ipv4, ipv6] = [lease?.ipv4?.["expiration-uuid"], lease?.ipv6?.["expiration-uuid"]];
  return { ...(ipv4 && { "ipv4-expiration-uuid": ipv4 }), ...(ipv6 && { "ipv6-expiration-uuid": ipv6 }) };
}

function key(family: Family): "ipv4" | "ipv6" {
  return family === 4 ? "ipv4" : "ipv6";
}
