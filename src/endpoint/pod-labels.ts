// SPDX-License-Identifier: Apache-2.0
// Endpoints' labels from the Pod and Namespace objects, when they come and when they change.
import {
  createLogger,
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
}

export interface PodLabelConfig {
  readonly cluster: string;
  readonly filter: LabelFilter;
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

/** Follows Pod and Namespace objects and gives endpoints their new labels. */
export function createPodLabelSync(deps: PodLabelDeps, config: PodLabelConfig): Module {
  let watch: Disposable | undefined;

  function refresh(row: EndpointRow): void {
    try {
      const labels = labelsOfPod(deps.resources, config, row.podNamespace, row.podName);
      // A Pod object that went says nothing: its endpoint goes through CNI DEL, and keeps its labels until then.
      if (labels !== undefined) deps.manager.setLabels(row.id, labels);
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
      for (const row of deps.endpoints.all()) refresh(row);
      watch = deps.resources.onChange((batch) => {
        for (const { row } of batch) {
          if (row.kind === "Pod") deps.endpoints.by("pod", `${row.namespace}/${row.name}`).forEach(refresh);
          if (row.kind === "Namespace")
            [...deps.endpoints.all()].filter((e) => e.podNamespace === row.name).forEach(refresh);
        }
      });
    },
    async stop() {
      watch?.[Symbol.dispose]();
    },
  };
}

function labelsIn(row: ResourceRow): Record<string, string> {
  const metadata = row.object.metadata as { labels?: Record<string, string> | null };
  return metadata.labels ?? {};
}
