// SPDX-License-Identifier: Apache-2.0
// The only import door of src/kubernetes.

export { ManifestParseError, parseManifests } from "./manifest.ts";
export { createStaticSource, type StaticSource } from "./static-source.ts";
export { createResourceTable } from "./table.ts";
export { type ManifestError, type ResourceRow, resourceId } from "./types.ts";
export { readYaml, type YamlDocument, type YamlFailure } from "./yaml.ts";
