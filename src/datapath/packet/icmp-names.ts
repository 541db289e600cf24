// SPDX-License-Identifier: Apache-2.0
// ICMP types and codes as `cilium-dbg monitor` words them.

interface TypeName {
  readonly name: string;
  readonly codes?: readonly (string | undefined)[];
}

const icmp4: Readonly<Record<number, TypeName>> = {
  0: { name: "EchoReply" },
  3: {
    name: "DestinationUnreachable",
    codes: [
      "Net",
      "Host",
      "Protocol",
      "Port",
      "FragmentationNeeded",
      "SourceRoutingFailed",
      "NetUnknown",
      "HostUnknown",
      "SourceIsolated",
      "NetAdminProhibited",
      "HostAdminProhibited",
      "NetTOS",
      "HostTOS",
      "CommAdminProhibited",
      "HostPrecedence",
      "PrecedenceCutoff",
    ],
  },
  4: { name: "SourceQuench" },
  5: { name: "Redirect", codes: ["Net", "Host", "TOS+Net", "TOS+Host"] },
  8: { name: "EchoRequest" },
  9: { name: "RouterAdvertisement" },
  10: { name: "RouterSolicitation" },
  11: { name: "TimeExceeded", codes: ["TTLExceeded", "FragmentReassemblyTimeExceeded"] },
  12: { name: "ParameterProblem", codes: ["PointerIndicatesError", "MissingOption", "BadLength"] },
  13: { name: "TimestampRequest" },
  14: { name: "TimestampReply" },
  15: { name: "InfoRequest" },
  16: { name: "InfoReply" },
  17: { name: "AddressMaskRequest" },
  18: { name: "AddressMaskReply" },
};

const icmp6: Readonly<Record<number, TypeName>> = {
  1: {
    name: "DestinationUnreachable",
    codes: [
      "NoRouteToDst",
      "AdminProhibited",
      "BeyondScopeOfSrc",
      "AddressUnreachable",
      "PortUnreachable",
      "SrcAddressFailedPolicy",
      "RejectRouteToDst",
    ],
  },
  2: { name: "PacketTooBig" },
  3: { name: "TimeExceeded", codes: ["HopLimitExceeded", "FragmentReassemblyTimeExceeded"] },
  4: { name: "ParameterProblem", codes: ["ErroneousHeader", "UnrecognizedNextHeader", "UnrecognizedIPv6Option"] },
  128: { name: "EchoRequest" },
  129: { name: "EchoReply" },
  130: { name: "MLDv1MulticastListenerQueryMessage" },
  131: { name: "MLDv1MulticastListenerReportMessage" },
  132: { name: "MLDv1MulticastListenerDoneMessage" },
  133: { name: "RouterSolicitation" },
  134: { name: "RouterAdvertisement" },
  135: { name: "NeighborSolicitation" },
  136: { name: "NeighborAdvertisement" },
  137: { name: "Redirect" },
  143: { name: "MLDv2MulticastListenerReportMessageV2" },
};

/** `EchoRequest`, `DestinationUnreachable(Port)`, `EchoReply(Code: 3)`, `42(0)`. */
export function icmpName(family: 4 | 6, type: number, code: number): string {
  const known = (family === 4 ? icmp4 : icmp6)[type];
  if (known === undefined) return `${type}(${code})`;
  if (known.codes === undefined) return code === 0 ? known.name : `${known.name}(Code: ${code})`;
  return `${known.name}(${known.codes[code] ?? `Code: ${code}`})`;
}
