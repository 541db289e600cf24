// SPDX-License-Identifier: Apache-2.0
// CiliumCIDRGroup: prefixes that policies refer to by the group's name or labels.
import { type Cidr, checkKubernetesLabel, compareCidr, FormatError, formatCidr, Labels } from "../../core/index.ts";
import { PolicyParseError } from "../errors.ts";
import { parseMetadata } from "./metadata.ts";
import { DocumentNode } from "./node.ts";
import { parsePrefix } from "./peers/cidrs.ts";

export const cidrGroupKind = "CiliumCIDRGroup";
const apiVersions = ["cilium.io/v2", "cilium.io/v2alpha1"];

/** A group that has passed every check. */
export interface CidrGroup {
  readonly name: string;
  /** The object's own labels, with source `cidrgroup`. */
  readonly labels: Labels;
  /** Distinct, sorted. */
  readonly cidrs: readonly Cidr[];
}

/** Reads a group; `lenient` as in ParsePolicyOptions. Throws PolicyParseError with origin and the group's name. */
export function parseCidrGroup(resource: unknown, origin?: string, { lenient = false } = {}): CidrGroup {
  const node = new DocumentNode(resource, [], lenient);
  try {
    return parseObject(node);
  } catch (error) {
    if (!(error instanceof PolicyParseError)) throw error;
    const name = node.field("metadata").field("name").value;
    throw error.from({
      ...(origin === undefined ? {} : { origin }),
      ...(typeof name === "string" ? { policy: name } : {}),
    });
  }
}

function parseObject(node: DocumentNode): CidrGroup {
  if (node.field("kind").value !== cidrGroupKind) throw node.field("kind").fail("bad-type", cidrGroupKind);
  const version = node.field("apiVersion");
  if (!apiVersions.includes(version.string())) throw version.fail("bad-type", apiVersions.join(" or "));
  node.checkFields(["apiVersion", "kind", "metadata", "spec"]);
  const { name } = parseMetadata(node.field("metadata"), false);
  const spec = node.field("spec");
  spec.checkFields(["externalCIDRs"]);
  const prefixes = spec.field("externalCIDRs").items().map(parsePrefix);
  const cidrs = [...new Map(prefixes.map((cidr) => [formatCidr(cidr), cidr])).values()].sort(compareCidr);
  return { name, labels: parseLabels(node.field("metadata").field("labels")), cidrs };
}

function parseLabels(node: DocumentNode): Labels {
  if (!node.present) return Labels.empty;
  return Labels.of(
    node.entries().map(([key, value]) => {
      const text = value.string();
      try {
        checkKubernetesLabel(key, text);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        throw value.failWith("bad-type", error.message);
      }
      return { source: "cidrgroup", key, value: text };
    }),
  );
}
