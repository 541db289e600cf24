// SPDX-License-Identifier: Apache-2.0
// Addresses of the kube-apiserver, as the objects of its Service say.
import { createLogger, type ReadonlyTable, toError } from "../../src/core/index.ts";
import type { ResourceRow } from "../../src/kubernetes/index.ts";
import { apiServerAddresses, tellsApiServers } from "../../src/policy/index.ts";

const log = createLogger("api-servers");

/** What is bad changes nothing. */
export class ApiServers {
  readonly #resources: ReadonlyTable<ResourceRow, string>;
  #last: ReadonlySet<string> = new Set();

  constructor(resources: ReadonlyTable<ResourceRow, string>) {
    this.#resources = resources;
  }

  addresses(): ReadonlySet<string> {
    try {
      const rows = ["Endpoints", "EndpointSlice"].flatMap((kind) => [...this.#resources.by("kind", kind)]);
      this.#last = apiServerAddresses(rows);
    } catch (thrown) {
      log.error("Cannot use the addresses of the kube-apiserver, the last ones stay", {
        error: toError(thrown).message,
      });
    }
    return this.#last;
  }

  onChange(listener: () => void): Disposable {
    return this.#resources.onChange((batch) => {
      const rows = batch.flatMap((change) => (change.kind === "upsert" ? [change.row, change.previous] : [change.row]));
      if (rows.some((row) => row !== undefined && tellsApiServers(row))) listener();
    });
  }
}
