// SPDX-License-Identifier: Apache-2.0
// Identities, and the prefixes that have them.
import { z } from "zod";
import { count, longText, type Model, optional, texts } from "./schema.ts";

export const Identity = z
  .strictObject({
    id: count,
    labels: texts.describe("source:key=value, sorted"),
    labelsSHA256: optional(longText.describe("SHA-512/256 of the labels as identities are allocated under")),
  })
  .describe("An identity and the labels it stands for");

export const IdentityEndpoints = z
  .strictObject({ identity: Identity, refCount: count })
  .describe("How many local endpoints use an identity");

export const IPListEntry = z
  .strictObject({
    cidr: longText.describe("Always with a length: 10.1.0.5/32"),
    identity: count,
    hostIP: optional(longText.describe("Node behind which the prefix lives")),
    encryptKey: optional(count),
    metadata: optional(z.strictObject({ source: longText, namespace: optional(longText), name: optional(longText) })),
  })
  .describe("One prefix of the ipcache");

export type Identity = Model<typeof Identity>;
export type IdentityEndpoints = Model<typeof IdentityEndpoints>;
export type IPListEntry = Model<typeof IPListEntry>;
