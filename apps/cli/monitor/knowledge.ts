// SPDX-License-Identifier: Apache-2.0
// What numbers in events mean: identities, devices, and why a packet was dropped. Asked of the agent once, then kept.
import {
  type AgentClient,
  ApiError,
  type DropExplanation,
  type DropQuery,
  type PolicyRuleName,
} from "../../../src/api/index.ts";
import type { DropEvent } from "../../../src/datapath/index.ts";
import { reservedLabels, reservedNames } from "../../../src/identity/index.ts";
import { Rtnetlink } from "../../../src/kernel/index.ts";

export interface KnowledgeOptions {
  /** Numbers only; nothing is asked. */
  readonly numeric: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** How long an answer that may change holds, in milliseconds. */
const keepFor = 5000;
const maxKept = 10_000;

interface Kept<T> {
  readonly value: T;
  readonly until: number;
}

export class Knowledge {
  readonly numeric: boolean;
  readonly #client: AgentClient;
  readonly #now: () => number;
  readonly #labels = new Map<number, Kept<readonly string[] | undefined>>();
  readonly #explanations = new Map<string, Kept<DropExplanation>>();
  #devices: Kept<ReadonlyMap<number, string>> | undefined;
  #rules: Kept<ReadonlyMap<number, PolicyRuleName>> | undefined;
  #agentAnswers = true;

  constructor(client: AgentClient, { numeric, now }: KnowledgeOptions) {
    this.#client = client;
    this.numeric = numeric;
    this.#now = now;
  }

  /** `host` for 1, the number for others, or always the number. */
  identityName(id: number): string {
    if (id === 0 && !this.numeric) return "unknown";
    return (this.numeric ? undefined : reservedNames.get(id)) ?? String(id);
  }

  /** Sorted labels; undefined when the agent does not know the identity or does not answer. */
  async labelsOf(id: number): Promise<readonly string[] | undefined> {
    const reserved = reservedLabels(id);
    if (reserved !== undefined) return Array.from(reserved, ({ source, key }) => `${source}:${key}`);
    if (id === 0) return undefined;
    const kept = this.#labels.get(id);
    if (kept !== undefined && kept.until > this.#now()) return kept.value;
    const found = await this.#ask(async () => [...(await this.#client.getIdentity(id)).labels].sort());
    // An identity never changes its labels; only "unknown" may.
    this.#keep(this.#labels, id, found, found === undefined ? keepFor : Number.POSITIVE_INFINITY);
    return found;
  }

  /** Why a packet was dropped, as far as policy decided it. */
  async explain(event: DropEvent): Promise<DropExplanation> {
    const query = questionOf(event);
    const key = JSON.stringify(query);
    const kept = this.#explanations.get(key);
    if (kept !== undefined && kept.until > this.#now()) return kept.value;
    const found: DropExplanation = (await this.#ask(() => this.#client.explainDrop(query))) ?? { kind: "unknown" };
    this.#keep(this.#explanations, key, found, keepFor);
    return found;
  }

  /** The rule that a cookie of an event names; undefined for none, and when the agent does not answer. */
  async ruleOf(cookie: number): Promise<PolicyRuleName | undefined> {
    if (cookie === 0) return undefined;
    const kept = this.#rules;
    if (kept?.value.has(cookie) !== true && !((kept?.until ?? 0) > this.#now())) {
      const rules = (await this.#ask(() => this.#client.policyRules())) ?? [];
      const value = new Map(rules.map((item) => [item.cookie, item.rule]));
      this.#rules = { value, until: this.#now() + keepFor };
    }
    return this.#rules?.value.get(cookie);
  }

  /** Name of a device of this namespace, or the number. */
  deviceName(ifindex: number): string {
    if (ifindex === 0) return "0";
    if (this.#devices?.value.has(ifindex) !== true && !((this.#devices?.until ?? 0) > this.#now())) {
      this.#devices = { value: listDevices(), until: this.#now() + keepFor };
    }
    return this.#devices?.value.get(ifindex) ?? String(ifindex);
  }

  /** Undefined when the agent says no, or nothing at all; one that is silent is asked again later only. */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    if (!this.#agentAnswers) return undefined;
    try {
      return await question();
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      this.#agentAnswers = false;
      setTimeout(() => {
        this.#agentAnswers = true;
      }, keepFor).unref();
      return undefined;
    }
  }

  #keep<K, V>(cache: Map<K, Kept<V>>, key: K, value: V, time: number): void {
    const oldest = cache.size >= maxKept ? cache.keys().next() : undefined;
    if (oldest?.done === false) cache.delete(oldest.value);
    cache.set(key, { value, until: this.#now() + time });
  }
}

function listDevices(): ReadonlyMap<number, string> {
  using rtnetlink = new Rtnetlink();
  return new Map(rtnetlink.links().map(({ ifindex, name }) => [ifindex, name]));
}

function questionOf(event: DropEvent): DropQuery {
  const { packet } = event;
  const { transport } = packet;
  const port =
    transport === undefined
      ? 0
      : "destinationPort" in transport
        ? transport.destinationPort
        : "type" in transport
          ? transport.type
          : 0;
  return {
    endpoint: event.source,
    direction: event.direction,
    sourceIdentity: event.sourceIdentity,
    destinationIdentity: event.destinationIdentity,
    protocol: packet.ip?.protocol ?? 0,
    port,
    cookie: event.cookie,
    policySet: event.policySet,
  };
}
