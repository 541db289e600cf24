// SPDX-License-Identifier: Apache-2.0
// The engine's plug-in protocol, as much of it as is used: Plugin.Activate, NetworkDriver.* and IpamDriver.* of libnetwork.
import { z } from "zod";
import { checkShape } from "../../src/core/index.ts";
import { RequestError } from "./errors.ts";

/** Serves one call: its body in, the answer's body out. Throws RequestError for what the request has wrong. */
export type Call = (body: unknown) => object | Promise<object>;

/** Calls by the path they are posted to, such as "/NetworkDriver.Join". */
export type Calls = Readonly<Record<string, Call>>;

/** Ids of networks and endpoints become names of files. */
const id = z.string().regex(/^[0-9a-zA-Z]{8,64}$/, "not an id of 8 to 64 letters and digits");
const text = z.string().max(4096);
const options = z.record(text, z.unknown()).nullish();
const addressData = z.array(z.object({ AddressSpace: text, Pool: text.optional() })).nullish();

export const poolRequest = z.object({
  AddressSpace: text,
  Pool: text.default(""),
  SubPool: text.default(""),
  Options: options,
  V6: z.boolean().default(false),
});
export const addressRequest = z.object({ PoolID: text, Address: text.default(""), Options: options });
export const networkRequest = z.object({
  NetworkID: id,
  Options: options,
  IPv4Data: addressData,
  IPv6Data: addressData,
});
export const endpointRequest = z.object({
  NetworkID: id,
  EndpointID: id,
  Interface: z
    .object({ Address: text.default(""), AddressIPv6: text.default(""), MacAddress: text.default("") })
    .nullish(),
  Options: options,
});
export const joinRequest = z.object({ NetworkID: id, EndpointID: id, SandboxKey: text.default(""), Options: options });
export const connectivityRequest = z.object({ NetworkID: id, EndpointID: id, Options: options });
export const endpointReference = z.object({ NetworkID: id, EndpointID: id });

/** Kinds of StaticRoutes. */
export const routeTypes = { connected: 1 } as const;

/** Well-known option names. */
export const optionNames = {
  generic: "com.docker.network.generic",
  internal: "com.docker.network.internal",
  gateway: "com.docker.network.gateway",
  addressType: "RequestAddressType",
  portMap: "com.docker.network.portmap",
} as const;

/** Checks a body. Throws RequestError that names the field and what was expected. */
export function checkRequest<Schema extends z.ZodType>(schema: Schema, body: unknown, what: string): z.infer<Schema> {
  const result = checkShape(schema, body);
  if (result.ok) return result.value;
  const where = result.where === "" ? "" : ` field "${result.where}"`;
  throw new RequestError(`Cannot read ${what}${where}: ${result.problem}`);
}
