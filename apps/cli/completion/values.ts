// SPDX-License-Identifier: Apache-2.0
// Values of arguments and options: some are fixed, others are what the agent knows now.
import { AgentUnreachableError, ApiError, askShell, type Endpoint } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { monitorTypes } from "../monitor/filter.ts";
import type { Candidate } from "./complete.ts";
import { shells } from "./scripts.ts";

/** Milliseconds that the agent has for an answer: somebody waits at the keyboard. */
const patience = 1000;

/** Where values come from; what cannot be had is no value. */
export interface Values {
  /** `path` such as "endpoint get"; `before`: the arguments in front. */
  ofArgument(path: string, before: readonly string[]): Promise<readonly Candidate[]>;
  /** `name` as the code has it: `output`. */
  ofOption(path: string, name: string): Promise<readonly Candidate[]>;
}

type Source = (context: Context) => Promise<readonly Candidate[]>;

const fixed =
  (words: readonly string[]): Source =>
  async () =>
    words.map((word) => ({ word, about: "" }));

/** By command; the places in an array are its arguments in order. */
const ofArguments: Readonly<Record<string, readonly Source[]>> = {
  "endpoint get": [endpointIds],
  "endpoint log": [endpointIds],
  "endpoint health": [endpointIds],
  "endpoint labels": [endpointIds],
  "endpoint config": [endpointIds],
  "endpoint disconnect": [endpointIds],
  "bpf policy get": [endpointIds],
  "bpf ct list": [fixed(["global"])],
  "bpf ct flush": [fixed(["global"])],
  "identity get": [identityIds],
  "map get": [mapNames],
  "map events": [mapNames],
  "config get": [optionNames],
  completion: [fixed(shells)],
  shell: [shellCommands, tables],
  "statedb dump": [tables],
  "statedb show": [tables],
  "statedb get": [tables],
  "statedb list": [tables],
  "statedb lowerbound": [tables],
  "statedb prefix": [tables],
  "statedb watch": [tables],
};

/** By command and option, or by option alone. */
const ofOptions: Readonly<Record<string, Source>> = {
  "monitor type": fixed(monitorTypes),
  "monitor from": endpointIds,
  "monitor to": endpointIds,
  "monitor relatedTo": endpointIds,
  "debuginfo output": fixed(["markdown", "html", "json", "jsonpath="]),
  output: fixed(["json", "yaml", "jsonpath="]),
  format: fixed(["table", "json", "yaml"]),
};

export function valuesFrom(context: Context): Values {
  const ask = async (source: Source | undefined): Promise<readonly Candidate[]> => {
    try {
      return (await source?.(context)) ?? [];
    } catch (error) {
      if (error instanceof AgentUnreachableError || error instanceof ApiError) return [];
      throw error;
    }
  };
  return {
    ofArgument: (path, before) => ask(ofArguments[path]?.[before.length]),
    ofOption: (path, name) => ask(ofOptions[`${path} ${name}`] ?? ofOptions[name]),
  };
}

async function endpointIds(context: Context): Promise<readonly Candidate[]> {
  const endpoints = await context.client(patience).listEndpoints();
  return endpoints.map((endpoint) => ({ word: String(endpoint.id), about: aboutEndpoint(endpoint) }));
}

function aboutEndpoint({ status }: Endpoint): string {
  const { "k8s-namespace": namespace = "", "k8s-pod-name": pod = "" } = status["external-identifiers"];
  return pod === "" ? (status.labels["security-relevant"][0] ?? "") : `${namespace}/${pod}`;
}

async function identityIds(context: Context): Promise<readonly Candidate[]> {
  const identities = await context.client(patience).listIdentities();
  return identities.map(({ id, labels }) => ({ word: String(id), about: labels.join(" ") }));
}

async function mapNames(context: Context): Promise<readonly Candidate[]> {
  const { maps } = await context.client(patience).mapList();
  return maps.map(({ path }) => ({ word: path.slice(path.lastIndexOf("/") + 1), about: "" }));
}

async function optionNames(context: Context): Promise<readonly Candidate[]> {
  const { spec, status } = await context.client(patience).getConfig();
  const names = [...Object.keys(spec.options ?? {}), ...Object.keys(status.daemonConfigurationMap)];
  return names.map((word) => ({ word, about: "" }));
}

async function shellCommands(context: Context): Promise<readonly Candidate[]> {
  return wordsOf(context, ["help", "-a"]);
}

async function wordsOf(context: Context, question: readonly string[]): Promise<readonly Candidate[]> {
  const answer = await askShell(context.shellSocket, question, AbortSignal.timeout(patience));
  return answer.split("\n").flatMap((word) => (word === "" ? [] : [{ word, about: "" }]));
}

async function tables(context: Context): Promise<readonly Candidate[]> {
  // The answer is whole lines.
  return (await wordsOf(context, ["db/show", "--autocomplete="])).map(({ word }) => ({
    word: word.replace(/^.* /, ""),
    about: "",
  }));
}
