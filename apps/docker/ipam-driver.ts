// SPDX-License-Identifier: Apache-2.0
// IpamDriver.*: one pool a family, the node's own pod prefix; the agent gives out its addresses.
import { type AgentClient, AgentUnreachableError, ApiError, type DaemonConfiguration } from "../../src/api/index.ts";
import {
  cidrContains,
  createLogger,
  type Family,
  formatCidr,
  parseCidr,
  tryParseCidr,
  tryParseIp,
} from "../../src/core/index.ts";
import { agentPatience, whenAgentAnswers } from "../cni/index.ts";
import { RequestError } from "./errors.ts";
import { addressRequest, type Calls, checkRequest, optionNames, poolRequest } from "./protocol.ts";
import type { Store } from "./store.ts";
import type { Turns } from "./turns.ts";

const log = createLogger("docker");

export interface IpamDeps {
  readonly agent: Pick<AgentClient, "getConfig" | "ipamAllocate" | "ipamRelease">;
  readonly store: Store;
  readonly turns: Turns;
}

/** Whose turn it is to borrow an address, among the turns. */
export const loansTurn = "loans";

/** The address space of our pools; networks with addresses of others are refused. */
export const addressSpace = "CiliumLocal";

/** Cilium's own pool ids: engines keep them. */
const poolIds = { 4: "CiliumPoolv4", 6: "CiliumPoolv6" } as const;
/** What Cilium's documentation gives as the subnet of networks with IPv6: stands for the node's own prefix. */
const placeholders: readonly string[] = ["::1/112", "::/112"];
/** The engine compares pools with the machine's routes, but not this one; the node's own prefix is such a route. */
const anyIpv4 = "0.0.0.0/0";

export function ipamCalls(deps: IpamDeps): Calls {
  return {
    "/IpamDriver.GetCapabilities": () => ({ RequiresMACAddress: false, RequiresRequestReplay: false }),
    "/IpamDriver.GetDefaultAddressSpaces": () => ({
      LocalDefaultAddressSpace: addressSpace,
      GlobalDefaultAddressSpace: "CiliumGlobal",
    }),
    "/IpamDriver.RequestPool": async (body) => await requestPool(deps, checkRequest(poolRequest, body, "pool request")),
    "/IpamDriver.ReleasePool": () => ({}),
    "/IpamDriver.RequestAddress": async (body) => {
      const { PoolID, Address, Options } = checkRequest(addressRequest, body, "address request");
      const pool = await findPool(deps, familyOf(PoolID));
      const wanted = Address === "" ? undefined : parseAddress(Address, pool);
      if (Options?.[optionNames.addressType] === optionNames.gateway) return { Address: gatewayOf(pool, wanted) };
      return { Address: hostPrefix(wanted ?? (await allocate(deps, pool.family))) };
    },
    "/IpamDriver.ReleaseAddress": async (body) => {
      const { Address } = checkRequest(addressRequest, body, "address release");
      const address = tryParseIp(Address.split("/")[0] ?? "");
      if (address === undefined) throw new RequestError(`Cannot release address "${Address}": not an address`);
      await release(deps, address);
      return {};
    },
  };
}

interface Pool {
  readonly family: Family;
  readonly router: string;
  /** Undefined when the agent does not say. */
  readonly prefix: string | undefined;
}

async function requestPool(deps: IpamDeps, request: ReturnType<typeof poolRequest.parse>): Promise<object> {
  const [option] = Object.keys(request.Options ?? {});
  if (option !== undefined) throw new RequestError(`Cannot make a pool: unknown option "${option}" (--ipam-opt)`);
  if (request.SubPool !== "") {
    throw new RequestError(`Cannot make a pool of "${request.SubPool}": the agent chooses addresses (no --ip-range)`);
  }
  const pool = await findPool(deps, request.V6 ? 6 : 4);
  const { family, prefix, router } = pool;
  if (request.Pool !== "" && !placeholders.includes(request.Pool) && !isSame(request.Pool, prefix)) {
    throw new RequestError(
      `Cannot make a pool of "${request.Pool}": the agent's is ${prefix ?? "unknown"} (no --subnet, or that one)`,
    );
  }
  const chosen = request.Pool !== "" && family === 4 ? prefix : undefined;
  return {
    PoolID: poolIds[family],
    Pool: chosen ?? (family === 4 ? anyIpv4 : (prefix ?? "::/0")),
    Data: { [optionNames.gateway]: hostPrefix(router) },
  };
}

function isSame(given: string, prefix: string | undefined): boolean {
  const cidr = tryParseCidr(given);
  return cidr !== undefined && prefix !== undefined && formatCidr(cidr) === formatCidr(parseCidr(prefix));
}

function familyOf(poolId: string): Family {
  if (poolId === poolIds[4]) return 4;
  if (poolId === poolIds[6]) return 6;
  throw new RequestError(`Cannot find pool "${poolId}": expected ${poolIds[4]} or ${poolIds[6]}`);
}

async function findPool({ agent }: IpamDeps, family: Family): Promise<Pool> {
  const config = await whenAgentAnswers(() => agent.getConfig(), agentPatience);
  const router = routerOf(config, family);
  if (router === undefined) {
    throw new Error(`Cannot give IPv${family} addresses: the agent has none (set enable-ipv${family})`);
  }
  const prefix = config.status.addressing?.[family === 4 ? "ipv4" : "ipv6"]?.["alloc-range"];
  return { family, router, prefix };
}

/** The address that containers of a family send to; undefined when the agent does not have the family. */
export function routerOf({ status }: DaemonConfiguration, family: Family): string | undefined {
  const addressing = status.addressing?.[family === 4 ? "ipv4" : "ipv6"];
  return addressing?.enabled === false || !addressing?.ip ? undefined : addressing.ip;
}

function parseAddress(text: string, { family, prefix, router }: Pool): string {
  const address = tryParseIp(text.split("/")[0] ?? "");
  if (address === undefined || address.includes(":") !== (family === 6)) {
    throw new RequestError(`Cannot give address "${text}": not an IPv${family} address`);
  }
  if (address !== router && prefix !== undefined && !cidrContains(parseCidr(prefix), address)) {
    throw new RequestError(`Cannot give address ${address}: outside of the agent's prefix ${prefix}`);
  }
  return address;
}

function gatewayOf({ router }: Pool, wanted: string | undefined): string {
  if (wanted === undefined || wanted === router) return hostPrefix(router);
  throw new RequestError(`Cannot use gateway ${wanted}: it is ${router} on this node (no --gateway, or that one)`);
}

function hostPrefix(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

/**
 * The engine may never come back for it: the agent takes it back unless an endpoint claims it. An agent that started
 * again knows nothing of what it lent, and may lend it a second time: that is for the container that has it already.
 */
async function allocate({ agent, store, turns }: IpamDeps, family: Family): Promise<string> {
  const key = family === 4 ? "ipv4" : "ipv6";
  const borrow = async (): Promise<string> => {
    for (;;) {
      const answer = await agent.ipamAllocate({ family: key, owner: "docker", expiration: true });
      const address = answer.address[key];
      if (!address) throw new Error(`Cannot give an IPv${family} address: the agent gave none`);
      const isFree = store.lease(address) === undefined;
      store.saveLease(address, answer[key]?.["expiration-uuid"] ?? "");
      if (isFree) return address;
    }
  };
  return await whenAgentAnswers(() => turns.take(loansTurn, borrow), agentPatience);
}

/** An endpoint's addresses went with it, and may be somebody else's by now: only what no endpoint claimed goes back here. */
async function release({ agent, store }: IpamDeps, address: string): Promise<void> {
  if (store.lease(address) === undefined) return;
  try {
    await agent.ipamRelease(address);
  } catch (error) {
    const gone = error instanceof ApiError && (error.status === 404 || error.status === 400);
    if (!gone && !(error instanceof AgentUnreachableError)) throw error;
    if (!gone) log.info("The agent does not answer: it takes an address back by itself", { address });
  }
  store.removeLease(address);
}
