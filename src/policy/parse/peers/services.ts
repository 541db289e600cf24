// SPDX-License-Identifier: Apache-2.0
// toServices: the backends of Kubernetes services, by name or by label.
import { makeSelector } from "../../selectors/selector.ts";
import type { PeerReference } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import type { PolicyScope } from "../scope.ts";
import { parseSelector } from "../selector.ts";
import type { PeerKind } from "./types.ts";

export const services = {
  field: { egress: "toServices" },
  deniable: true,
  emptySaysNothing: true,
  parse: (node, scope) => node.items().flatMap((item) => parseService(item, scope)),
} satisfies PeerKind;

function parseService(node: DocumentNode, { namespace }: PolicyScope): readonly PeerReference[] {
  node.checkFields(["k8sService", "k8sServiceSelector"]);
  const [named, selected] = [node.field("k8sService"), node.field("k8sServiceSelector")];
  if (!named.present && !selected.present) throw node.fail("bad-type", "k8sService or k8sServiceSelector");
  return [
    ...(named.present ? [parseNamed(named, namespace)] : []),
    ...(selected.present ? [parseSelected(selected)] : []),
  ];
}

/** A service without a namespace is one of the policy's own; a clusterwide policy has to name it. */
function parseNamed(node: DocumentNode, ownNamespace: string): PeerReference {
  node.checkFields(["serviceName", "namespace"]);
  const namespaceNode = node.field("namespace");
  const namespace = namespaceNode.present ? namespaceNode.string() : ownNamespace;
  if (namespace === "") throw namespaceNode.fail("bad-type", "a namespace");
  return { kind: "service", namespace, name: node.field("serviceName").string() };
}

function parseSelected(node: DocumentNode): PeerReference {
  node.checkFields(["selector", "namespace"]);
  const namespaceNode = node.field("namespace");
  const namespace = namespaceNode.present && namespaceNode.value !== "" ? namespaceNode.string() : undefined;
  const { matchLabels, matchExpressions } = parseSelector(node.field("selector"));
  return { kind: "service-selector", selector: makeSelector([...matchLabels, ...matchExpressions]), namespace };
}
