// SPDX-License-Identifier: Apache-2.0
// cilium_ipv4_frag_datagrams and cilium_ipv6_frag_datagrams: ports of datagrams whose later fragments are awaited.
import { decodeFrag4Key, decodeFrag6Key, decodeFragValue } from "../../abi/index.ts";
import { ipFromBigInt, ipFromBytes } from "../../core/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import type { FragmentRow, FragmentsMap } from "./types.ts";

/** Rows over both maps. */
export function createFragmentsMap(ipv4: BpfMap, ipv6: BpfMap): FragmentsMap {
  return {
    list: () => [...Array.from(ipv4.entries(), decode4), ...Array.from(ipv6.entries(), decode6)],
  };
}

function decode4([bytes, value]: [Uint8Array, Uint8Array]): FragmentRow {
  const { source, destination, id, protocol } = decodeFrag4Key(bytes);
  const address = (number: number) => ipFromBigInt(BigInt(number), 4);
  return { family: 4, id, protocol, source: address(source), destination: address(destination), ...decodePorts(value) };
}

function decode6([bytes, value]: [Uint8Array, Uint8Array]): FragmentRow {
  const { source, destination, id, protocol } = decodeFrag6Key(bytes);
  return {
    family: 6,
    id,
    protocol,
    source: ipFromBytes(source),
    destination: ipFromBytes(destination),
    ...decodePorts(value),
  };
}

function decodePorts(value: Uint8Array): Pick<FragmentRow, "sourcePort" | "destinationPort"> {
  const { sourcePort, destinationPort } = decodeFragValue(value);
  return { sourcePort, destinationPort };
}
