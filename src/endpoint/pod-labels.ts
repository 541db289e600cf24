// SPDX-License-Identifier: Apache-2.0
// Endpoints' labels from the Pod and Namespace objects, when they come and when they change.
import {
  createLogger,
  type Label,
  type LabelFilter,
  Labels,
  type Module,
  podLabels,
  type ReadonlyTable,
  toError,
} from "../core/index.ts";
import { type ResourceRow, resourceId } from "../kubernetes/index.ts";
import type { EndpointManager } from "./manager.ts";
import type { EndpointRow } from "./types.ts";

const log = createLogger("pod-labels");

export interface PodLabelDeps {
  readonly resources: ReadonlyTable<ResourceRow, string>;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly manager: Pick<EndpointManager, "setLabels">;
  /** Calls the listener when `addressLabels` may say something else. */
  readonly onAddressLabels?: (listener: () => void) => Disposable;
}

export interface PodLabelConfig {
  readonly cluster: string;
  readonly filter: LabelFilter;
  /**
   * Labels that pods have by their addresses, where policies select them so; undefined when that is not known yet. Absent:
   * none.
   */
  readonly addressLabels?: (ips: readonly string[]) => readonly Label[] | undefined;
}

/** Labels of an endpoint whose pod is not known (yet), or has no relevant label: no pod's policy applies to it. */
export const initLabels = Labels.parse(["reserved:init"]);

/** The security-relevant labels of a pod as its objects say now; undefined when there is no such Pod object. */
export function labelsOfPod(
  resources: ReadonlyTable<ResourceRow, string>,
  config: PodLabelConfig,
  namespace: string,
  name: string,
): Labels | undefined {
  const pod = resources.get(resourceId("Pod", namespace, name));
  if (pod === undefined) return undefined;
  const namespaceObject = resources.get(resourceId("Namespace", "", namespace));
  const spec = pod.object.spec as { serviceAccountName?: unknown } | null | undefined;
  const all = podLabels({
    namespace,
    labels: labelsIn(pod),
    namespaceLabels: { ...(namespaceObject && labelsIn(namespaceObject)), "kubernetes.io/metadata.name": namespace },
    cluster: config.cluster,
    serviceAccount: typeof spec?.serviceAccountName === "string" ? spec.serviceAccountName : "default",
  });
  const relevant = config.filter.apply(all);
  return relevant.size === 0 ? initLabels : relevant;
}

/**
 * The labels together with those that the endpoint has by its addresses; what is not known yet is as it is in `before`.
 * Reserved ones (of an unknown pod, of the health endpoint) stay alone.
 */
export function withAddressLabels(
  { addressLabels }: PodLabelConfig,
  labels: Labels,
  { ipv4, ipv6 }: Pick<EndpointRow, "ipv4" | "ipv6">,
  before: Labels = labels,
): Labels {
  const own = labels.filter(({ source }) => source !== "cidr");
  if (addressLabels === undefined || [...own].some(({ source }) => source === "reserved")) return own;
  const known = addressLabels([ipv4, ipv6].filter((ip) => ip !== undefined));
  return own.with(known ?? [...before].filter(({ source }) => source === "cidr"));
}

/** Follows Pod and Namespace objects and gives endpoints their new labels. */
export function createPodLabelSync(deps: PodLabelDeps, config: PodLabelConfig): Module {
  const watches: Disposable[] = [];

  function refresh(row: EndpointRow): void {
    try {
      // A Pod object that went says nothing: its endpoint goes through CNI DEL, and keeps its labels until then.
      const labels = labelsOfPod(deps.resources, config, row.podNamespace, row.podName) ?? row.labels;
      deps.manager.setLabels(row.id, withAddressLabels(config, labels, row, row.labels));
    } catch (thrown) {
      log.error("Cannot use the labels of a pod, its old ones stay", {
        pod: `${row.podNamespace}/${row.podName}`,
        error: toError(thrown).message,
      });
    }
  }

  return {
    name: "pod-labels",
    async start() {
      const refreshAll = () => [...deps.endpoints.all()].forEach(refresh);
      refreshAll();
      watches.push(
        deps.resources.onChange((batch) => {
          for (const { row } of batch) {
            if (row.kind === "Pod") deps.endpoints.by("pod", `${row.namespace}/${row.name}`).forEach(refresh);
            if (row.kind === "Namespace")
              [...deps.endpoints.all()].filter((e) => e.podNamespace === row.name).forEach(refresh);
          }
        }),
      );
      if (deps.onAddressLabels !== undefined) watches.push(deps.onAddressLabels(refreshAll));
    },
    async stop() {
      for (const watch of watches.splice(0)) watch[Symbol.dispose]();
    },
  };
}

function labelsIn(row: ResourceRow): Record<string, string> {
  const metadata = row.object.metadata as { labels?: Record<string, string> | null };
  return metadata.labels ?? {};
}
