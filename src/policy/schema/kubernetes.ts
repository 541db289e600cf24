// SPDX-License-Identifier: Apache-2.0
// What an API server checks of a NetworkPolicy, beyond what the engine needs.
import { z } from "zod";

const object = <T extends z.ZodRawShape>(shape: T) => z.looseObject(shape, { error: "an object" });
const list = <T extends z.ZodType>(item: T) => z.array(item, { error: "a list" });
const portNumber = z
  .int({ error: "a whole number" })
  .min(1, { error: "a port number 1-65535" })
  .max(65535, { error: "a port number 1-65535" });
const portName = z.string().regex(/^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/, {
  error: "a port's name (a-z, 0-9 and -, one letter at least)",
});

const port = object({
  protocol: z.enum(["TCP", "UDP", "SCTP"], { error: "one of TCP, UDP, SCTP" }).optional(),
  port: z.union([portNumber, portName], { error: "a port number 1-65535 or a port's name in quotes" }).optional(),
  endPort: portNumber.optional(),
}).refine(({ port: first, endPort }) => endPort === undefined || (typeof first === "number" && first <= endPort), {
  error: "endPort beside a number that is not above it",
});

const peer = object({
  podSelector: z.unknown().optional(),
  namespaceSelector: z.unknown().optional(),
  ipBlock: z.unknown().optional(),
}).refine(
  ({ podSelector, namespaceSelector, ipBlock }) =>
    (ipBlock !== undefined) !== (podSelector !== undefined || namespaceSelector !== undefined),
  { error: "either ipBlock, or podSelector and namespaceSelector" },
);

const ports = list(port).optional();
const spec = object({
  ingress: list(object({ from: list(peer).optional(), ports })).optional(),
  egress: list(object({ to: list(peer).optional(), ports })).optional(),
  policyTypes: z.array(z.unknown(), { error: "a list" }).max(2, { error: "at most two types" }).optional(),
});

/** NetworkPolicy of networking.k8s.io/v1. */
export const networkPolicySchema = object({ spec: spec.optional() });
