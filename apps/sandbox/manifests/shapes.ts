// SPDX-License-Identifier: Apache-2.0
// What the sandbox reads of each object. Fields it has no use for (images, resources, …) are taken as they are.
import { z } from "zod";

const text = z.string({ error: "a string" });
const texts = z.array(text, { error: "a list of strings" });
const labels = z.record(z.string(), text, { error: "an object of strings" });
const dnsLabel = z.string({ error: "a DNS label" }).regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, {
  error: "a DNS label (a-z, 0-9 and -, at most 63 characters)",
});
const portError = "a port number from 1 to 65535";
const port = z.int({ error: portError }).min(1, { error: portError }).max(65535, { error: portError });

const fieldPaths = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "status.hostIP",
  "status.podIP",
  "status.podIPs",
] as const;
export type FieldPath = (typeof fieldPaths)[number];

const variable = z.looseObject(
  {
    name: z.string({ error: "a name" }).regex(/^[-._a-zA-Z][-._a-zA-Z0-9]*$/, { error: "a variable's name" }),
    value: text.optional(),
    valueFrom: z
      .strictObject(
        { fieldRef: z.looseObject({ fieldPath: z.enum(fieldPaths, { error: `one of ${fieldPaths.join(", ")}` }) }) },
        { error: "fieldRef (ConfigMaps and Secrets are not there in a sandbox)" },
      )
      .optional(),
  },
  { error: "an object with name and value" },
);

const portName = z.union([port, text], { error: "a port number or name" });
const probe = z.looseObject(
  {
    tcpSocket: z.looseObject({ port: portName }, { error: "an object with a port" }).optional(),
    httpGet: z.looseObject({ port: portName }, { error: "an object with a port" }).optional(),
  },
  { error: "an object" },
);

const container = z.looseObject(
  {
    name: dnsLabel,
    command: texts.optional(),
    args: texts.optional(),
    env: z.array(variable, { error: "a list of variables" }).optional(),
    workingDir: text.optional(),
    ports: z
      .array(z.looseObject({ containerPort: port, name: text.optional(), protocol: text.optional() }), {
        error: "a list",
      })
      .optional(),
    readinessProbe: probe.optional(),
  },
  { error: "a container" },
);

const noContainers = "a list with at least one container";
const podSpec = z.looseObject(
  {
    containers: z.array(container, { error: noContainers }).min(1, { error: noContainers }),
    initContainers: z.undefined({ error: "nothing (a sandbox runs no init containers)" }).optional(),
    hostNetwork: z.literal(false, { error: "false (a sandbox's pods have namespaces of their own)" }).optional(),
    nodeName: text.optional(),
    nodeSelector: labels.optional(),
    restartPolicy: z.enum(["Always", "OnFailure", "Never"], { error: "Always, OnFailure or Never" }).optional(),
    serviceAccountName: text.optional(),
  },
  { error: "an object" },
);
export type PodSpec = z.infer<typeof podSpec>;
export type Container = z.infer<typeof container>;

const podMetadata = z.looseObject({ name: dnsLabel }, { error: "an object" });
export const podShape = z.looseObject({ metadata: podMetadata, spec: podSpec });

export const deploymentShape = z.looseObject({
  metadata: z.looseObject({
    name: dnsLabel.max(46, { error: "at most 46 characters (its pods' names get 17 more)" }),
  }),
  spec: z.looseObject(
    {
      replicas: z
        .int({ error: "a whole number" })
        .min(0, { error: "0 or more" })
        .max(1000, { error: "at most 1000" })
        .optional(),
      selector: z.looseObject({ matchLabels: labels.optional() }, { error: "an object" }),
      template: z.looseObject(
        { metadata: z.looseObject({ labels: labels.optional() }, { error: "an object" }).optional(), spec: podSpec },
        { error: "an object" },
      ),
    },
    { error: "an object" },
  ),
});
export type DeploymentObject = z.infer<typeof deploymentShape>;

export const namespaceShape = z.looseObject({ metadata: z.looseObject({ name: dnsLabel }) });
export const nodeShape = z.looseObject({ metadata: z.looseObject({ name: dnsLabel }) });
export const serviceShape = z.looseObject({
  metadata: z.looseObject({ name: dnsLabel }),
  spec: z.looseObject(
    {
      selector: labels.optional(),
      ports: z.array(z.looseObject({ port, targetPort: portName.optional() }), { error: "a list of ports" }).optional(),
    },
    { error: "an object" },
  ),
});
