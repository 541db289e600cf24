// SPDX-License-Identifier: Apache-2.0
// The only import door of src/core.

export {
  type Cidr,
  cidrContains,
  cidrNth,
  cidrSize,
  compareCidr,
  formatCidr,
  hostCidr,
  isCidr,
  type ParseCidrOptions,
  parseCidr,
  tryParseCidr,
} from "./cidr.ts";
export { type Clock, FakeClock, systemClock } from "./clock.ts";
export {
  type Config,
  type ConfigCheck,
  type ConfigSource,
  defineOption,
  type LoadConfigInput,
  loadConfig,
  type Option,
  optionHelp,
} from "./config.ts";
export { configTypes, formatDuration, parseDuration } from "./config-types.ts";
export { boundConnections } from "./connections.ts";
export { type ContainerLabels, containerLabels } from "./container-labels.ts";
export { type EndpointState, endpointStates } from "./endpoint-states.ts";
export { CiliumError, ConfigError, type ErrorDetails, errorChain, FormatError, toError } from "./errors.ts";
export { hostPort } from "./host-port.ts";
export {
  compareBytes,
  compareIp,
  type Family,
  ip16,
  ipFamily,
  ipFrom16,
  ipFromBigInt,
  ipFromBytes,
  ipToBigInt,
  ipToBytes,
  isIp,
  parseIp,
  tryParseIp,
} from "./ip.ts";
export { createJobMetrics, type JobKind, type JobMetrics, type JobRun } from "./job-metrics.ts";
export { evaluateJsonpath, type JsonpathTemplate, parseJsonpath } from "./jsonpath.ts";
export { compareLabels, formatLabel, type Label, labelSources, makeLabel, parseLabel } from "./label.ts";
export { defaultLabelFilter, type LabelFilter, parseLabelFilter } from "./label-filter.ts";
export { Labels } from "./labels.ts";
export { type RunModulesOptions, type RunningModules, runModules } from "./lifecycle.ts";
export type { Health, Module } from "./lifecycle-types.ts";
export {
  configureLogging,
  createLogger,
  type LogConfig,
  type LogFields,
  type LogFormat,
  type Logger,
  type LogLevel,
} from "./log.ts";
export { isSecretName, REDACTED, redactFields, redactText } from "./log-redact.ts";
export { macFromBytes, macToBytes, parseMac, randomMac } from "./mac.ts";
export { isMetricChoice, type MetricChoice, metricChoice } from "./metric-choice.ts";
export {
  type Counter,
  createMetrics,
  type Gauge,
  type Histogram,
  type MetricOptions,
  type Metrics,
  type MetricValue,
  type Totals,
} from "./metrics.ts";
export { nearest } from "./nearest.ts";
export { oneLine } from "./one-line.ts";
export { platformName } from "./platform.ts";
export {
  CLUSTER_KEY,
  checkKubernetesLabel,
  NAMESPACE_KEY,
  NAMESPACE_LABEL_PREFIX,
  type PodLabelInput,
  podLabels,
} from "./pod-labels.ts";
export {
  createReconciler,
  type Failures,
  type Reconciler,
  type ReconcilerOps,
  type ReconcilerOptions,
} from "./reconciler.ts";
export { createReconcilerMetrics, type ReconcilerMetrics } from "./reconciler-metrics.ts";
export { type ReplaceFileOptions, replaceFile } from "./replace-file.ts";
export type { RetryTimes } from "./retry-queue.ts";
export { checkJson, checkShape, type Shape } from "./shape.ts";
export { doneStatus, errorStatus, pendingStatus, type Status } from "./status.ts";
export { Table } from "./table.ts";
export type {
  Batch,
  Change,
  IndexFunctions,
  IndexValue,
  ReadonlyTable,
  TableKey,
  TableOptions,
  WatchOptions,
} from "./table-types.ts";
export { isDangerous, neutralise, neutraliseCell, neutraliseJson, neutraliseLine } from "./terminal-text.ts";
export { readTextFile } from "./text-file.ts";
export { alignLines, alignTable, GrowingColumns, type Line, nestedTable } from "./text-table.ts";
export { writeEach } from "./write-each.ts";
