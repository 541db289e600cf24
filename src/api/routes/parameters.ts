// SPDX-License-Identifier: Apache-2.0
// What the `{name}` parts of paths mean, and the parameters that several calls have.
import type { Parameter } from "../router.ts";

/** By name; a part that is not here is not described, and fails the test of the description. */
export const pathParameters: Readonly<Record<string, Parameter>> = {
  id: {
    type: "string",
    about:
      "Endpoint: a number, or prefix:id with cilium-local, cni-attachment-id, container-id, container-name, pod-name, cep-name, ipv4 or ipv6. Identity: a number",
  },
  ip: { type: "string", about: "An IPv4 or IPv6 address" },
  name: { type: "string", about: "Name of a map, such as cilium_ipcache_v2" },
  table: { type: "string", about: "Name of a table" },
};
