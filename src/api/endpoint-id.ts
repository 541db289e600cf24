// SPDX-License-Identifier: Apache-2.0
// Endpoint ids as users and the CNI plugin write them: "123", "prefix:value".
import { tryParseIp } from "../core/index.ts";
import { ApiError } from "./errors.ts";
import type { EndpointRef } from "./types.ts";

const prefixes =
  "a number, cilium-local:N, cni-attachment-id:CONTAINER:IFNAME, container-id:ID, container-name:NAME, " +
  "pod-name:NAMESPACE:NAME, cep-name:NAMESPACE/NAME, ipv4:ADDRESS or ipv6:ADDRESS";

/** Parses an endpoint id; throws ApiError 400 that names what is allowed. */
export function parseEndpointId(id: string): EndpointRef {
  const ref = tryParse(id);
  if (ref === undefined) {
    throw new ApiError(400, `Cannot read endpoint id "${id}": not an endpoint id (expected ${prefixes})`);
  }
  return ref;
}

function tryParse(id: string): EndpointRef | undefined {
  const colon = id.indexOf(":");
  const kind = colon < 0 ? "cilium-local" : id.slice(0, colon);
  const value = id.slice(colon + 1);
  switch (kind) {
    case "cilium-local":
      return /^\d{1,5}$/.test(value) && Number(value) <= 65535 ? { kind, id: Number(value) } : undefined;
    case "cni-attachment-id": {
      const [containerId, interfaceName] = split(value, ":");
      return interfaceName === undefined ? undefined : { kind, containerId, interfaceName };
    }
    case "container-id":
    case "container-name":
      return value === "" ? undefined : { kind, value };
    case "pod-name":
    case "cep-name": {
      const [namespace, name] = split(value, value.includes("/") ? "/" : ":");
      return name === undefined ? undefined : { kind, namespace, name };
    }
    case "ipv4":
    case "ipv6": {
      const address = tryParseIp(value);
      return address !== undefined && address.includes(":") === (kind === "ipv6") ? { kind, address } : undefined;
    }
    default:
      return undefined;
  }
}

/** Both parts must be there and not be empty, else the second is undefined. */
function split(text: string, separator: string): [string, string | undefined] {
  const at = text.lastIndexOf(separator);
  return at <= 0 || at === text.length - 1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
