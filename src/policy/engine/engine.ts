// SPDX-License-Identifier: Apache-2.0
// The policy engine: policies and identities in, map entries and reasons out. No I/O, no clock.
import type { Cidr, Labels } from "../../core/index.ts";
import { CompiledPolicy, type EntryChange } from "../entries/compiled.ts";
import { CookieRegistry } from "../entries/cookies.ts";
import { decide } from "../entries/decide.ts";
import { NamedPorts } from "../entries/named-ports.ts";
import { policyName } from "../names.ts";
import { type ParsePolicyOptions, parsePolicy } from "../parse/policy.ts";
import { type ResolvedPolicy, resolvePolicy } from "../resolve/resolve.ts";
import { SelectorCache, type SelectorChange, type SelectorRow } from "../selectors/cache.ts";
import { type SideTrace, traceSide } from "../trace/trace.ts";
import {
  directions,
  type EndpointPolicy,
  type EnforcementMode,
  type NamedPort,
  type ParsedPolicy,
  type PolicyIdentity,
  type RuleOrigin,
} from "../types.ts";
import { SharedDirections } from "./directions.ts";
import { type DropExplanation, type DropQuestion, nearestMiss } from "./explain.ts";
import { type CidrGroupPeers, References, type ServicePeers } from "./references.ts";
import { originsOf, PolicyRepository, peersOf, type StoredPolicy, selects } from "./repository.ts";
import { type SharedPolicy, Subjects } from "./subjects.ts";

export type { EntryChange } from "../entries/compiled.ts";

export interface PolicyEngineOptions {
  /** Default `default`. */
  readonly mode?: EnforcementMode;
  /** Name of the local cluster; peers of policies are narrowed to it. Default `default`; null: not narrowed. */
  readonly cluster?: string | null;
  /** Peers that name no cluster live in the local one. Default true. */
  readonly policyDefaultLocalCluster?: boolean;
  /** Policies may select nodes as peers by label. Default false. */
  readonly nodeSelectorLabels?: boolean;
  /** Whom CIDR rules match by address beside the world: `nodes`, `pods`. Default nobody. */
  readonly cidrMatchMode?: readonly string[];
  /** Cookies of the run before. */
  readonly cookies?: CookieRegistry;
  /** Pods accept the local host where no rule denies it. Default true. */
  readonly allowLocalhost?: boolean;
  /** Policies hold for the host too. Default true. */
  readonly hostFirewall?: boolean;
}

/** A policy in force. */
export interface PolicySummary {
  readonly policy: ParsedPolicy;
  readonly revision: number;
}

/** Endpoint identities whose policy changed. */
export interface AffectedEndpoints {
  readonly reason: "policy" | "identity" | "mode";
  /** Of the engine, after the change. */
  readonly revision: number;
  /** Rising. Ask `resolveEndpoint` again for each. */
  readonly identities: readonly number[];
  /** For reason `identity`: exactly what changed, by endpoint identity. */
  readonly changes?: ReadonlyMap<number, EntryChange>;
}

/** Computes policies of endpoints and says which of them a change concerns. */
export class PolicyEngine {
  readonly cookies: CookieRegistry;
  readonly #parseOptions: ParsePolicyOptions;
  readonly #references = new References();
  readonly #repository = new PolicyRepository(this.#references.lookUp);
  readonly #cache = new SelectorCache();
  readonly #directions: SharedDirections;
  readonly #subjects: Subjects;
  readonly #namedPorts = new NamedPorts();
  readonly #standing: Pick<PolicyEngineOptions, "allowLocalhost" | "hostFirewall">;
  readonly #listeners = new Set<(affected: AffectedEndpoints) => void>();
  #mode: EnforcementMode;

  constructor(options: PolicyEngineOptions = {}) {
    this.#mode = options.mode ?? "default";
    const { cluster, policyDefaultLocalCluster = true, nodeSelectorLabels = false, cidrMatchMode = [] } = options;
    this.#parseOptions = {
      ...(cluster === undefined ? {} : { cluster }),
      policyDefaultLocalCluster,
      nodeSelectorLabels,
      cidrMatchMode,
    };
    this.cookies = options.cookies ?? new CookieRegistry();
    const { allowLocalhost = true, hostFirewall = true } = options;
    this.#standing = { allowLocalhost, hostFirewall };
    this.#directions = new SharedDirections({
      cache: this.#cache,
      cookies: this.cookies,
      namedPorts: this.#namedPorts,
    });
    this.#subjects = new Subjects(this.#directions);
  }

  /** Grows with each change of a policy or of the mode; identities do not count. */
  get revision(): number {
    return this.#repository.revision;
  }

  get mode(): EnforcementMode {
    return this.#mode;
  }

  /**
   * Puts a policy resource into force, in place of the one with its kind, namespace and name. `origin` is for errors.
   * Throws PolicyParseError; then nothing has changed. An equal policy again is no change.
   */
  upsertPolicy(resource: unknown, origin?: string): PolicySummary {
    return this.upsertParsed(this.parse(resource, origin));
  }

  /** Checks a policy resource as `upsertPolicy` would. Throws PolicyParseError. */
  parse(resource: unknown, origin?: string): ParsedPolicy {
    return parsePolicy(resource, { ...this.#parseOptions, ...(origin === undefined ? {} : { origin }) });
  }

  /** As upsertPolicy, for one that is parsed already. */
  upsertParsed(policy: ParsedPolicy): PolicySummary {
    const before = this.#repository.get(policy.id);
    if (before !== undefined && JSON.stringify(before.policy) === JSON.stringify(policy)) return before;
    return this.#put(before, policy);
  }

  /** Takes a policy out of force, by `kind/namespace/name`. Returns it; undefined when there was none. */
  deletePolicy(id: string): PolicySummary | undefined {
    const before = this.#repository.delete(id);
    if (before !== undefined) this.#policyChanged(before, undefined);
    return before;
  }

  policy(id: string): PolicySummary | undefined {
    return this.#repository.get(id);
  }

  /** All policies in force, sorted by id. */
  policies(): readonly PolicySummary[] {
    return this.#repository.list();
  }

  setMode(mode: EnforcementMode): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#repository.touch();
    const identities = Array.from(this.#subjects.all(), ([id]) => id);
    for (const id of identities) this.#subjects.invalidate(id);
    this.#emit("mode", identities);
  }

  upsertIdentity(identity: PolicyIdentity): void {
    this.upsertIdentities([identity]);
  }

  /** Several at once, so that each endpoint is told once. */
  upsertIdentities(identities: Iterable<PolicyIdentity>): void {
    this.#identitiesChanged(Array.from(identities, (identity) => this.#cache.upsertIdentity(identity)).flat());
  }

  removeIdentity(id: number): void {
    this.removeIdentities([id]);
  }

  removeIdentities(ids: Iterable<number>): void {
    this.#identitiesChanged(Array.from(ids, (id) => this.#cache.removeIdentity(id)).flat());
  }

  /** Prefixes that policies refer to, in place of those that the group's name had before. */
  upsertCidrGroup(group: CidrGroupPeers): void {
    if (this.#references.upsertGroup(group)) this.#referencesChanged();
  }

  deleteCidrGroup(name: string): void {
    if (this.#references.deleteGroup(name)) this.#referencesChanged();
  }

  /** Backends that policies refer to by their service, in place of those before. */
  upsertService(service: ServicePeers): void {
    if (this.#references.upsertService(service)) this.#referencesChanged();
  }

  deleteService(namespace: string, name: string): void {
    if (this.#references.deleteService(namespace, name)) this.#referencesChanged();
  }

  /** CIDR groups and services that policies may refer to. */
  references(): ReturnType<References["all"]> {
    return this.#references.all();
  }

  /** The named ports of all pods with an identity, in place of those known before. */
  setNamedPorts(identity: number, ports: readonly NamedPort[]): void {
    if (!this.#namedPorts.set(identity, ports)) return;
    const changes = this.#subjects.portsChanged(identity);
    if (changes.size > 0) this.#emit("identity", [...changes.keys()], changes);
    if (this.#subjects.labelsOf(identity) === undefined) return;
    this.#subjects.invalidate(identity);
    this.#emit("policy", [identity]);
  }

  /**
   * The policy of endpoints with this identity, by what is known now. From then on the engine tells about changes
   * of it, until `forgetEndpoint`. `labels` are the identity's.
   */
  resolveEndpoint(labels: Labels, identityId: number): EndpointPolicy {
    const { resolved, compiled } = this.#resolve(labels, identityId);
    return {
      revision: this.revision,
      ingressEnforced: resolved.ingress.enforced,
      egressEnforced: resolved.egress.enforced,
      defaultDenyBy: { ingress: resolved.ingress.defaultDenyBy, egress: resolved.egress.defaultDenyBy },
      peers: compiled.peers,
      get entries() {
        return compiled.entries();
      },
      get fingerprint() {
        return compiled.fingerprint();
      },
      ...(resolved.error === undefined ? {} : { error: resolved.error }),
    };
  }

  /** Whether policies hold for the host too. */
  get hostFirewall(): boolean {
    return this.#standing.hostFirewall === true;
  }

  /** No local endpoint has this identity any more. */
  forgetEndpoint(identityId: number): void {
    this.#subjects.forget(identityId);
  }

  /** Calls the listener at once with each change that concerns resolved endpoints. */
  onAffected(listener: (affected: AffectedEndpoints) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Why a flow of a local endpoint was dropped, by what is known now. */
  explainDrop(question: DropQuestion): DropExplanation {
    const { direction: side, localIdentity, remoteIdentity } = question;
    const labels = this.#subjects.labelsOf(localIdentity) ?? this.#cache.labelsOf(localIdentity);
    if (labels === undefined) return { default: "unknown" };
    const { resolved, compiled } = this.#subjects.fresh(localIdentity, labels) ?? this.#compile(labels, localIdentity);
    const direction = resolved[side];
    if (!direction.enforced) return { default: "allow" };
    const by = direction.defaultDenyBy;
    if (resolved.error !== undefined) return { default: "deny", by, error: resolved.error };
    const found = decide(compiled, { ...question, identity: remoteIdentity });
    const rule = this.ruleOf(found.cookie);
    if (rule !== undefined) return { verdict: found.verdict, rule };
    if (found.verdict === "allow") return { default: "allow" };
    const remote = { labels: this.#cache.labelsOf(remoteIdentity), namedPorts: this.#namedPorts.of(remoteIdentity) };
    const miss = nearestMiss(direction, question, remote);
    return { default: "deny", by, ...(miss === undefined ? {} : { nearestMiss: miss }) };
  }

  /** How a flow's verdict comes about on the side of an endpoint with these labels, step by step. */
  traceFlow(labels: Labels, question: DropQuestion): SideTrace {
    const { localIdentity, remoteIdentity } = question;
    const { resolved, compiled } = this.#subjects.fresh(localIdentity, labels) ?? this.#compile(labels, localIdentity);
    const remote = { labels: this.#cache.labelsOf(remoteIdentity), namedPorts: this.#namedPorts.of(remoteIdentity) };
    const decision = decide(compiled, { ...question, identity: remoteIdentity });
    return traceSide({ resolved, question, remote, decision, ruleOf: (cookie) => this.ruleOf(cookie) });
  }

  /** The rule that a cookie of an entry or event names. */
  ruleOf(cookie: number): RuleOrigin | undefined {
    return this.cookies.originOf(cookie);
  }

  /** Prefixes that policies in force speak of, exceptions too, by their text. */
  prefixes(): ReadonlyMap<string, Cidr> {
    return this.#cache.prefixes();
  }

  /** By class of selectors, how many identities the one with the most matches. */
  largestMatches(): ReadonlyMap<string, number> {
    return this.#cache.largestMatches();
  }

  /** Lines of `cilium policy selectors`. */
  selectors(): readonly SelectorRow[] {
    return this.#cache.rows();
  }

  #resolve(labels: Labels, identityId: number): SharedPolicy {
    const fresh = this.#subjects.fresh(identityId, labels);
    if (fresh !== undefined) return fresh;
    return this.#subjects.put(identityId, labels, this.#resolveRules(labels, identityId));
  }

  /** For questions about an endpoint that nobody resolved. */
  #compile(labels: Labels, identityId: number): Pick<SharedPolicy, "resolved" | "compiled"> {
    const resolved = this.#resolveRules(labels, identityId);
    const used = resolved.error === undefined ? directions : [];
    const compiled = new CompiledPolicy(used.map((direction) => this.#directions.compile(direction, resolved)));
    return { resolved, compiled };
  }

  #resolveRules(labels: Labels, identityId: number): ResolvedPolicy {
    const options = { ...this.#standing, namedPorts: this.#namedPorts.of(identityId) };
    return resolvePolicy(labels, this.#repository.candidates(labels), this.#mode, options);
  }

  #put(before: StoredPolicy | undefined, policy: ParsedPolicy): StoredPolicy {
    // New uses first, so that selectors in both keep what they know.
    const after = this.#repository.put(policy);
    this.#acquire(after);
    this.#policyChanged(before, after);
    return after;
  }

  #referencesChanged(): void {
    for (const stored of this.#repository.outdated()) this.#put(stored, stored.policy);
  }

  #acquire(stored: StoredPolicy): void {
    const user = userOf(stored);
    for (const peer of peersOf(stored)) this.#cache.acquire(peer, user);
    for (const origin of originsOf(stored)) this.cookies.cookieOf(origin);
  }

  #policyChanged(before: StoredPolicy | undefined, after: StoredPolicy | undefined): void {
    const concerned: number[] = [];
    for (const [id, labels] of this.#subjects.all()) {
      if (selects(before, labels) || selects(after, labels)) concerned.push(id);
    }
    for (const id of concerned) this.#subjects.invalidate(id);
    if (before !== undefined) {
      for (const peer of peersOf(before)) this.#cache.release(peer, userOf(before));
      const kept = new Set(originsOf(after).map(({ direction, section }) => `${direction}/${section}`));
      for (const origin of originsOf(before)) {
        if (!kept.has(`${origin.direction}/${origin.section}`)) this.cookies.retire(origin);
      }
    }
    this.#emit("policy", concerned);
  }

  #identitiesChanged(changes: readonly SelectorChange[]): void {
    if (changes.length === 0) return;
    const concerned = this.#subjects.apply(changes);
    this.#emit("identity", [...concerned.keys()], concerned);
  }

  #emit(
    reason: AffectedEndpoints["reason"],
    identities: readonly number[],
    changes?: ReadonlyMap<number, EntryChange>,
  ): void {
    if (identities.length === 0) return;
    const sorted = identities.toSorted((a, b) => a - b);
    const affected = { reason, revision: this.revision, identities: sorted, ...(changes ? { changes } : {}) };
    for (const listener of this.#listeners) listener(affected);
  }
}

function userOf({ policy }: StoredPolicy): string {
  return policyName(policy);
}
