// SPDX-License-Identifier: Apache-2.0
// What the custom resource definitions of Cilium's policies (cilium.io/v2, 1.20) let an API server take. It differs from
// the engine: here a CIDR needs its length, names of entities and protocols are lists, ports follow a pattern.
import { z } from "zod";
import { isCidr } from "../../core/index.ts";

const portPattern =
  /^(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})|([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*$/;
const labelPattern = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const groupPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const namePattern = /^([-a-zA-Z0-9_]+[.]?)+$/;
const globPattern = /^([-a-zA-Z0-9_*]+[.]?)+$/;
const entityNames = ["all", "world", "cluster", "cluster-mesh", "host", "init", "ingress", "unmanaged", "remote-node"];
const entities = [...entityNames, "health", "none", "kube-apiserver"] as const;
const protocols = ["TCP", "UDP", "SCTP", "VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH", "ANY"] as const;
const operators = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

const text = z.string({ error: "a string" });
const texts = z.array(text, { error: "a list of strings" });
const cidr = text.refine(isCidr, { error: "a prefix such as 10.0.0.0/8" });
const oneOf = <T extends readonly string[]>(values: T) => z.enum(values, { error: `one of ${values.join(", ")}` });
const list = <T extends z.ZodType>(item: T) => z.array(item, { error: "a list" });
const object = <T extends z.ZodRawShape>(shape: T) => z.looseObject(shape, { error: "an object" });

/** An object in which exactly one of the fields is there. */
function exactlyOne<T extends z.ZodRawShape>(shape: T, names: readonly (keyof T & string)[]) {
  return object(shape).refine((value) => names.filter((name) => Object.hasOwn(value, name)).length === 1, {
    error: `exactly one of ${names.join(", ")}`,
  });
}

const labelValue = text
  .max(63, { error: "at most 63 characters" })
  .regex(labelPattern, { error: "a label's value (letters, digits, -, _ and ., letter or digit at both ends)" });
const selector = object({
  matchLabels: z.record(z.string(), labelValue, { error: "an object of labels" }).optional(),
  matchExpressions: list(object({ key: text, operator: oneOf(operators), values: texts.optional() })).optional(),
});
const selectors = list(selector).optional();

const dnsFields = {
  matchName: text.max(255, { error: "at most 255 characters" }).regex(namePattern, { error: "a DNS name" }).optional(),
  matchPattern: text
    .max(255, { error: "at most 255 characters" })
    .regex(globPattern, { error: "a DNS name in which * stands for characters" })
    .optional(),
};
const dnsName = exactlyOne(dnsFields, ["matchName", "matchPattern"]);
const secret = object({ name: text, namespace: text.optional() });
const header = object({
  name: text.min(1, { error: "a name" }),
  mismatch: oneOf(["LOG", "ADD", "DELETE", "REPLACE"] as const).optional(),
  secret: secret.optional(),
  value: text.optional(),
});
const httpRule = object({
  ...{ method: text.optional(), path: text.optional(), host: text.optional(), headers: texts.optional() },
  headerMatches: list(header).optional(),
});
const tls = object({ secret }).optional();
const listener = object({
  envoyConfig: object({
    kind: oneOf(["CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"] as const).optional(),
    name: text.min(1, { error: "a name" }),
  }),
  name: text.min(1, { error: "a name" }),
  priority: z.int({ error: "a whole number" }).min(1, { error: "1 to 100" }).max(100, { error: "1 to 100" }).optional(),
});
const port = object({
  port: text.regex(portPattern, { error: "a number 0-65535 or a name" }).optional(),
  endPort: z
    .int({ error: "a whole number" })
    .min(0, { error: "0 to 65535" })
    .max(65535, { error: "0 to 65535" })
    .optional(),
  protocol: oneOf(protocols).optional(),
});
const ports = list(port).max(40, { error: "at most 40 ports" }).optional();
const toPorts = list(
  object({
    ports,
    listener: listener.optional(),
    originatingTLS: tls,
    terminatingTLS: tls,
    serverNames: list(text.max(255, { error: "at most 255 characters" }).regex(globPattern, { error: "a server name" }))
      .min(1, { error: "a list with at least one name" })
      .optional(),
    rules: exactlyOne({ http: list(httpRule).optional(), dns: list(dnsName).optional() }, ["http", "dns"]).optional(),
  }),
).optional();
const icmps = list(
  object({
    fields: list(
      object({
        family: oneOf(["IPv4", "IPv6"] as const).optional(),
        type: z.union([z.int(), z.string()], { error: "a number or a name" }),
      }),
    )
      .max(40, { error: "at most 40 types" })
      .optional(),
  }),
).optional();
const cidrSet = exactlyOne(
  {
    cidr: cidr.optional(),
    cidrGroupRef: text
      .max(253, { error: "at most 253 characters" })
      .regex(groupPattern, { error: "a name (a-z, 0-9, - and .)" })
      .optional(),
    cidrGroupSelector: selector.optional(),
    except: list(cidr).optional(),
  },
  ["cidr", "cidrGroupRef", "cidrGroupSelector"],
);
const requires = list(z.unknown()).max(0, { error: "an empty list" }).optional();
const authentication = object({ mode: oneOf(["disabled", "required", "test-always-fail"] as const) }).optional();
const service = object({
  k8sService: object({ serviceName: text.optional(), namespace: text.optional() }).optional(),
  k8sServiceSelector: object({ selector, namespace: text.optional() }).optional(),
});

/** The fields of peers in one direction. */
function peersOf(prefix: "from" | "to") {
  return {
    ...{ [`${prefix}Endpoints`]: selectors, [`${prefix}Nodes`]: selectors, [`${prefix}Requires`]: requires },
    ...{ [`${prefix}CIDR`]: list(cidr).optional(), [`${prefix}CIDRSet`]: list(cidrSet).optional() },
    [`${prefix}Entities`]: list(oneOf(entities)).optional(),
  };
}

const denyPorts = { toPorts: list(object({ ports })).optional(), icmps };
const allow = { toPorts, icmps, authentication };
const [from, to] = [peersOf("from"), { ...peersOf("to"), toServices: list(service).optional() }];
const spec = object({
  ...{ endpointSelector: selector.optional(), nodeSelector: selector.optional(), description: text.optional() },
  ingress: list(object({ ...from, ...allow })).optional(),
  ingressDeny: list(object({ ...from, ...denyPorts })).optional(),
  egress: list(object({ ...to, ...allow, toFQDNs: list(dnsName).optional() })).optional(),
  egressDeny: list(object({ ...to, ...denyPorts })).optional(),
  enableDefaultDeny: object({ ingress: z.boolean().optional(), egress: z.boolean().optional() }).optional(),
  labels: list(object({ key: text, source: text.optional(), value: text.optional() })).optional(),
  log: object({ value: text.max(32, { error: "at most 32 characters" }).optional() }).optional(),
})
  .refine((value) => ["ingress", "ingressDeny", "egress", "egressDeny"].some((name) => Object.hasOwn(value, name)), {
    error: "at least one of ingress, ingressDeny, egress, egressDeny",
  })
  .refine((value) => Object.hasOwn(value, "endpointSelector") !== Object.hasOwn(value, "nodeSelector"), {
    error: "exactly one of endpointSelector, nodeSelector",
  });

/** CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy. */
export const ciliumPolicySchema = object({ spec: spec.optional(), specs: list(spec).optional() });
