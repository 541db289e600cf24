// SPDX-License-Identifier: Apache-2.0
// What the agent itself tells its monitor's listeners. In a record's data it is the byte 130, then a gob stream of Go's
// struct AgentNotify {Type uint32; Text string}; the text is JSON.
import { readMessages, readStruct } from "./decode.ts";
import { GobError } from "./error.ts";
import { gobUnsigned } from "./numbers.ts";
import { encodeStructDefinition, gobText } from "./struct.ts";

/** First byte of the data. */
export const agentNotifyType = 130;

/** Kinds by their number. */
export const agentNotifications = [
  "unspecified",
  "Message",
  "Cilium agent started",
  "Endpoint regenerated",
  "Failed endpoint regeneration",
  "Policy updated",
  "Policy deleted",
  "Endpoint created",
  "Endpoint deleted",
  "IPCache entry upserted",
  "IPCache entry deleted",
  "Service upserted",
  "Service deleted",
] as const;

export type AgentNotification = (typeof agentNotifications)[number];

/** One notification. */
export interface AgentNotify {
  /** Number of the kind. */
  readonly kind: number;
  /** JSON. */
  readonly text: string;
}

const typeId = 65;
const definition = encodeStructDefinition(typeId, "AgentNotify", [
  ["Type", 3],
  ["Text", 6],
]);
const head = [255, 130]; // gobSigned(typeId)

/** The data of a monitor record. */
export function encodeAgentNotify(kind: AgentNotification, message: unknown): Uint8Array {
  const number = agentNotifications.indexOf(kind);
  const body = [
    ...head,
    ...(number === 0 ? [2] : [1, ...gobUnsigned(number), 1]),
    ...gobText(JSON.stringify(message)),
    0,
  ];
  return Uint8Array.from([agentNotifyType, ...definition, ...gobUnsigned(body.length), ...body]);
}

/** Reads the data of a monitor record that begins with `agentNotifyType`. Throws GobError. */
export function decodeAgentNotify(data: Uint8Array): AgentNotify {
  let found: AgentNotify | undefined;
  for (const fields of readMessages(data.subarray(1))) {
    const values = readStruct(fields);
    const [kind, text] = [values.get("Type"), values.get("Text")];
    found = {
      kind: typeof kind === "number" ? kind : 0,
      text: text instanceof Uint8Array ? new TextDecoder().decode(text) : "",
    };
  }
  if (found === undefined) throw new GobError("no value in it");
  return found;
}
