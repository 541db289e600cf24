// SPDX-License-Identifier: Apache-2.0
// The only import door of src/policy.

export { apiServerAddresses, tellsApiServers } from "./api-servers.ts";
export { admitsPort } from "./confirm/admits.ts";
export { type ConfirmedPolicies, type GuardedEngine, HostPolicyGuard } from "./confirm/guard.ts";
export { type ConfirmState, inForce } from "./confirm/state.ts";
export { type DiffScope, diffPolicies, type FlowChange, type FlowOutcome } from "./diff/diff.ts";
export { formatSpan, type PortSpan } from "./diff/span.ts";
export { checkEnforceable } from "./enforceable.ts";
export {
  type AffectedEndpoints,
  type EntryChange,
  PolicyEngine,
  type PolicyEngineOptions,
  type PolicySummary,
} from "./engine/engine.ts";
export type {
  DropExplanation,
  DropQuestion,
  NearestMiss,
  NearestMissField,
} from "./engine/explain.ts";
export { CookieRegistry, type CookieSnapshot, cookieHost } from "./entries/cookies.ts";
export type { PolicyMatch } from "./entries/decide.ts";
export { type Decision, decide, EntryIndex } from "./entries/decide.ts";
export { formatPortPrefix } from "./entries/ports.ts";
export {
  type DocumentPath,
  formatPath,
  PolicyConflictError,
  PolicyParseError,
  type PolicyRejection,
  type PolicySource,
} from "./errors.ts";
export { lintPolicies } from "./lint/lint.ts";
export type { LintFinding, LintKind, LintWorld } from "./lint/types.ts";
export { createPolicyModule, type PolicyModule, type PolicyModuleDeps, type RefusedPolicy } from "./module.ts";
export { policyName, splitPolicyName } from "./names.ts";
export { type CidrGroup, cidrGroupKind, parseCidrGroup } from "./parse/cidr-group.ts";
export { type ParsedDocument, parsePolicyDocuments } from "./parse/documents.ts";
export { isPolicyKind, type ParsePolicyOptions, parsePolicy } from "./parse/policy.ts";
export { IpProtocol, protocolName, protocolNumbers } from "./protocols.ts";
export { formatReferences, parseReferences, type ReferenceTexts } from "./reference-texts.ts";
export { createPolicyReferences, type PolicyReferencesDeps } from "./references-module.ts";
export { findEnd, type SceneEnd } from "./scene/ends.ts";
export { sceneOfManifests } from "./scene/manifests.ts";
export { Scene, type SceneEndpoint, type SceneSource } from "./scene/scene.ts";
export { cidrLabel, labelsOfAddresses } from "./selectors/addresses.ts";
export { SelectorCache, type SelectorChange, type SelectorRow } from "./selectors/cache.ts";
export { matchesSelector } from "./selectors/match.ts";
export { caseOutput, type Difference, differences } from "./simulate/output.ts";
export { type Question, questionCase } from "./simulate/question.ts";
export { readCases } from "./simulate/read.ts";
export { simulateCase } from "./simulate/simulate.ts";
export type { CaseAnswer, PolicyCase } from "./simulate/types.ts";
export { flowInWords, flowRows } from "./simulate/words.ts";
export { World as CaseWorld } from "./simulate/world.ts";
export { PolicyStore } from "./store.ts";
export { createPolicyTable, type PolicyRow, type PolicySourceKind } from "./table.ts";
export type { SideTrace, TracedPolicy, TracedRule } from "./trace/trace.ts";
export {
  type Direction,
  type DirectionRule,
  directions,
  type EndpointPolicy,
  type EnforcementMode,
  type L7Redirect,
  type NamedPort,
  type ParsedPolicy,
  type PolicyEntry,
  type PolicyFlow,
  type PolicyIdentity,
  type Requirement,
  type Rule,
  type RuleOrigin,
  type Selector,
  type SelectorOperator,
  type Verdict,
} from "./types.ts";
export type { ClusterAddress } from "./validate/covered.ts";
export {
  type PolicyProblemReport,
  type ValidationOptions,
  type ValidationReport,
  validatePolicies,
} from "./validate/validate.ts";
