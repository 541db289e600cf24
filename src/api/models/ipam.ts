// SPDX-License-Identifier: Apache-2.0
// Addresses for endpoints.
import { z } from "zod";
import { NodeAddressing } from "./node.ts";
import { AddressPair } from "./request.ts";
import { longText, type Model, optional, texts } from "./schema.ts";

export const IPAMAddressResponse = z
  .strictObject({
    ip: longText,
    gateway: optional(longText),
    cidrs: optional(texts),
    "expiration-uuid": optional(longText.describe("Stops the address from going back by itself")),
  })
  .describe("An address of one family");

export const IPAMResponse = z
  .strictObject({
    address: AddressPair,
    ipv4: optional(IPAMAddressResponse),
    ipv6: optional(IPAMAddressResponse),
    "host-addressing": NodeAddressing,
  })
  .describe("Addresses that were given out");

export type IPAMAddressResponse = Model<typeof IPAMAddressResponse>;
export type IPAMResponse = Model<typeof IPAMResponse>;
