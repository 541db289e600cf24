// SPDX-License-Identifier: Apache-2.0
// For tests: answers against the OpenAPI description that the server itself gives, and which answers were seen.
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { jsonLines } from "./answer.ts";
import { call } from "./transport.ts";

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
}

/** An OpenAPI description as far as the check looks at it. */
export interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export interface Exchange {
  /** Values of the `{name}` parts. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Goes away after the first so many bytes of a stream. */
  readonly enough?: number;
}

/** Calls a socket as its description says, and checks each answer against it. */
export class DescribedApi {
  readonly description: Described;
  readonly #socketPath: string;
  readonly #ajv: Ajv2020;
  readonly #schemas = new Map<object, ValidateFunction>();
  readonly #seen = new Set<string>();

  constructor(socketPath: string, description: Described) {
    this.#socketPath = socketPath;
    this.description = description;
    this.#ajv = validator(description);
  }

  /** `template` is a path of the description. Asserts the status and that the answer is as described. */
  async call(method: string, template: string, status: number, exchange: Exchange = {}): Promise<unknown> {
    const what = `${method} ${template} ${status}`;
    const operation = this.description.paths[template]?.[method.toLowerCase()];
    assert.ok(operation, `${what}: nobody describes it`);
    const path = template.replaceAll(/\{([^}]+)\}/g, (_, name: string) =>
      encodeURIComponent(exchange.params?.[name] ?? ""),
    );
    const answer = await send(this.#socketPath, method, `${path}${exchange.query ?? ""}`, exchange);
    assert.equal(answer.status, status, `${what}: got ${answer.status} ${answer.body}`);
    const response = operation.responses[String(status)];
    assert.ok(response, `${what}: the status is not described`);
    this.#seen.add(what);
    return this.#read(what, response.content ?? {}, answer);
  }

  /** Described answers that no call got, as "METHOD PATH STATUS". */
  unseen(): readonly string[] {
    return Object.entries(this.description.paths)
      .flatMap(([path, item]) =>
        Object.entries(item).flatMap(([method, { responses }]) =>
          Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
        ),
      )
      .filter((what) => !what.endsWith(" default") && !this.#seen.has(what));
  }

  #read(what: string, content: Readonly<Record<string, { schema: object }>>, { type, body }: Answer): unknown {
    if (Object.keys(content).length === 0) {
      assert.equal(body, "", `${what}: a body that is not described`);
      return undefined;
    }
    const schema = content[type]?.schema;
    assert.ok(schema, `${what}: ${type} is not described`);
    if (type === "text/plain") return body;
    const values = type === jsonLines ? body.split("\n").filter((line) => line !== "") : [body];
    const parsed = values.map((line): unknown => JSON.parse(line));
    for (const value of parsed) this.#check(what, schema, value);
    return type === jsonLines ? parsed : parsed[0];
  }

  #check(what: string, schema: object, value: unknown): void {
    const known = this.#schemas.get(schema);
    const check = known ?? this.#ajv.compile(rooted(schema));
    this.#schemas.set(schema, check);
    const errors = () => this.#ajv.errorsText(check.errors);
    assert.ok(check(value), `${what}: not as described: ${errors()}: ${JSON.stringify(value).slice(0, 2000)}`);
  }
}

/** Reads what a socket says of itself below `base`. */
export async function describedApi(socketPath: string, base: string): Promise<DescribedApi> {
  const { body } = await call(socketPath, { method: "GET", base, path: "/openapi.json", timeout: 60_000 });
  return new DescribedApi(socketPath, body as Described);
}

/** Compiles every schema of a description; throws for one that is none. */
export function compileAll(description: Described): void {
  const ajv = validator(description);
  for (const name of Object.keys(description.components.schemas))
    ajv.compile(rooted({ $ref: `#/components/schemas/${name}` }));
}

/** Knows the document, at whose root references begin. */
function validator({ components }: Described): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true, keywords: ["components"] });
  ajv.addSchema({ $id: "openapi", components });
  return ajv;
}

/** The same schema with its references at the document's root. */
function rooted(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"openapi#/')) as object;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function send(socketPath: string, method: string, path: string, exchange: Exchange): Promise<Answer> {
  const body = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
  return new Promise((resolve, reject) => {
    const headers = { ...exchange.headers, ...(body && { "content-length": String(Buffer.byteLength(body)) }) };
    const request = httpRequest({ socketPath, method, path, headers, agent: false });
    request.setTimeout(60_000, () => request.destroy(new Error(`${method} ${path}: no answer in a minute`)));
    request.on("error", reject);
    request.on("response", (response) => {
      const head = { status: response.statusCode ?? 0, type: response.headers["content-type"]?.split(";")[0] ?? "" };
      const read = exchange.enough === undefined ? text(response) : begin(response, exchange.enough);
      read.then((all) => resolve({ ...head, body: all }), reject).finally(() => request.destroy());
    });
    request.end(body);
  });
}

/** Whole lines until there are so many bytes. */
async function begin(stream: AsyncIterable<Buffer>, enough: number): Promise<string> {
  let all = "";
  for await (const chunk of stream) {
    all += chunk;
    if (all.length >= enough && all.includes("\n")) break;
  }
  return all.slice(0, all.lastIndexOf("\n") + 1);
}
