// SPDX-License-Identifier: Apache-2.0
// What the agent wants to be in the kernel's maps.
import { z } from "zod";
import { longText, type Model, optional, time } from "./schema.ts";

const DesiredAction = z.enum(["ok", "insert", "delete"]);

export const BPFMapEntry = z.strictObject({
  key: longText,
  value: optional(longText),
  "desired-action": optional(DesiredAction.describe("What is still to be done; ok: nothing")),
  "last-error": optional(longText),
});

export const BPFMap = z
  .strictObject({
    path: longText,
    cache: optional(z.array(BPFMapEntry).describe("Absent for maps that only programs write")),
  })
  .describe("A map and what the agent wants to be in it");

export const BPFMapList = z.strictObject({ maps: z.array(BPFMap) });

export const MapEvent = z
  .strictObject({
    timestamp: time,
    action: z.enum(["update", "delete"]),
    key: longText,
    value: optional(longText),
    "desired-action": optional(DesiredAction),
    "last-error": optional(longText),
  })
  .describe("A change of what the agent wants to be in a map, or of how far it is");

export type BPFMapEntry = Model<typeof BPFMapEntry>;
export type BPFMap = Model<typeof BPFMap>;
export type BPFMapList = Model<typeof BPFMapList>;
export type MapEvent = Model<typeof MapEvent>;
