// SPDX-License-Identifier: Apache-2.0
// The engine's own API: whose container an endpoint is, and its labels.
import { type IncomingMessage, request } from "node:http";
import { z } from "zod";
import { checkShape } from "../../src/core/index.ts";

/** Milliseconds for one question while the engine waits for our own answer. */
const patience = 5_000;
/** The same while it has not answered for once. */
const patienceAfterSilence = 1_000;
/** When nobody waits for us. */
const longPatience = 20_000;
const maxAnswer = 64 * 1024 * 1024;

/** Whom an endpoint belongs to. */
export interface EngineContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Options of the network that it joins. */
  readonly networkOptions: Readonly<Record<string, string>>;
}

const networkAnswer = z.object({
  Containers: z.record(z.string(), z.object({ Name: z.string(), EndpointID: z.string() })).nullish(),
  Options: z.record(z.string(), z.string()).nullish(),
});
const containersAnswer = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
);

/** The engine takes calls and answers none: so it is until it has started the containers of the run before. */
export class EngineSilentError extends Error {}

/**
 * Asks the engine. While it starts a container it holds that container's lock, so that inspecting it would wait for our
 * own answer; listing networks and containers reads copies and does not.
 */
export class Engine {
  readonly #socketPath: string;
  #patience = patience;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /**
   * The container of an endpoint that is being joined, or (`joined`) was. Throws when the engine does not say:
   * EngineSilentError when it says nothing.
   */
  async containerOf(networkId: string, endpointId: string, joined = false): Promise<EngineContainer> {
    const network = checked(networkAnswer, await this.#get(`/networks/${networkId}`, joined), "network");
    const members = Object.values(network.Containers ?? {});
    const name = members.find((member) => member.EndpointID === endpointId)?.Name;
    if (name === undefined) {
      throw new Error(`Cannot learn whose endpoint "${endpointId}" is: network "${networkId}" does not list it`);
    }
    // The filter is a regular expression.
    const filters = { name: [`^/${name.replaceAll(/[^a-zA-Z0-9_-]/g, "\\$&")}$`] };
    const path = `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`;
    const containers = checked(containersAnswer, await this.#get(path, joined), "containers");
    const container = containers.find(({ Names }) => Names?.includes(`/${name}`));
    if (container === undefined) {
      throw new Error(`Cannot learn the labels of container "${name}": the engine does not list it`);
    }
    return { id: container.Id, name, labels: container.Labels ?? {}, networkOptions: network.Options ?? {} };
  }

  async #get(path: string, joined: boolean): Promise<unknown> {
    const signal = AbortSignal.timeout(joined ? longPatience : this.#patience);
    try {
      const answer = await getJson(this.#socketPath, path, signal);
      this.#patience = patience;
      return answer;
    } catch (error) {
      const text = `Cannot ask the Docker engine at "${this.#socketPath}" (set --docker-socket)`;
      if (!signal.aborted) throw new Error(text, { cause: error });
      this.#patience = patienceAfterSilence;
      throw new EngineSilentError(text, { cause: error });
    }
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.infer<Schema> {
  const result = checkShape(schema, value);
  if (result.ok) return result.value;
  throw new Error(`Cannot read the engine's answer (${what}) field "${result.where}": ${result.problem}`);
}

async function getJson(socketPath: string, path: string, signal: AbortSignal): Promise<unknown> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request({ socketPath, path, agent: false, signal, headers: { host: "docker" } }, resolve);
    call.once("error", reject);
    call.end();
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswer) throw new Error(`more than ${maxAnswer} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}: ${text.slice(0, 200).trim()}`);
  return JSON.parse(text) as unknown;
}
