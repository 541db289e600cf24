// SPDX-License-Identifier: Apache-2.0
// The OpenAPI 3.1 description of routes, made from the routes themselves and the models that they check and answer with.
import { z } from "zod";
import { jsonLines } from "./answer.ts";
import { type ModelName, models } from "./models/index.ts";
import type { Content, Parameter, Route, RouteGroup } from "./router.ts";
import { pathParameters } from "./routes/parameters.ts";

/** A JSON document; only what makes it and what checks it look inside. */
export type OpenApi = Readonly<Record<string, unknown>>;

type Json = Record<string, unknown>;

const dialect = "https://json-schema.org/draft/2020-12/schema";
const refTo = (name: string) => ({ $ref: `#/components/schemas/${name}` });
/** What every call may be refused with. */
const errorResponse = { description: "Refused, with why", content: { "application/json": { schema: refTo("Error") } } };

/** Any call may be closed: see `allowedRoutes`. */
const CLOSED = 403;

/** Describes everything in the groups: paths with their bases, parameters, bodies, answers, models. */
export function describe(groups: readonly RouteGroup[]): OpenApi {
  const paths: Record<string, Json> = {};
  for (const { base, list } of groups) {
    for (const route of list) {
      const path = base + route.path;
      paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
    }
  }
  return {
    openapi: "3.1.0",
    jsonSchemaDialect: dialect,
    info: { title: "Cilium agent API", version: "v1", description: "HTTP on the agent's unix socket" },
    paths,
    components: { schemas: { ...schemas(), Error: errorSchema } },
  };
}

const errorSchema = {
  description: "Why a call was refused",
  type: "object",
  properties: { code: { type: "integer" }, message: { type: "string" } },
  required: ["code", "message"],
  additionalProperties: false,
};

function operationOf(route: Route): Json {
  const answers = Object.entries(route.answers).map(([status, content]) => [status, responseOf(content)] as const);
  const errors = [...(route.errors ?? []), CLOSED].map((status) => [String(status), errorResponse] as const);
  return {
    summary: route.summary,
    parameters: parametersOf(route),
    ...(route.body === undefined
      ? {}
      : { requestBody: { content: { "application/json": { schema: refTo(route.body) } } } }),
    responses: { ...Object.fromEntries([...answers, ...errors]), default: errorResponse },
  };
}

function parametersOf(route: Route): Json[] {
  const names = Array.from(route.path.matchAll(/\{([^}]+)\}/g), ([, name = ""]) => name);
  const inPath = names.map((name) => {
    const parameter = pathParameters[name];
    if (parameter === undefined) throw new TypeError(`Cannot describe "${route.path}": nobody says what {${name}} is`);
    return { ...parameterOf(name, parameter, "path"), required: true };
  });
  const listed = (place: "query" | "header", list: Route["query"] = {}) =>
    Object.entries(list).map(([name, parameter]) => parameterOf(name, parameter, place));
  return [...inPath, ...listed("query", route.query), ...listed("header", route.headers)];
}

function parameterOf(name: string, { type, about, values }: Parameter, place: string): Json {
  return { name, in: place, description: about, schema: { type, ...(values === undefined ? {} : { enum: values }) } };
}

function responseOf(content: Route["answers"][number]): Json {
  const contents: readonly Content[] = typeof content === "string" ? [content] : content;
  const media = contents
    .filter((item) => item !== "none")
    .map((item) => [mediaTypeOf(item), { schema: schemaOf(item) }]);
  return { description: "Done", ...(media.length === 0 ? {} : { content: Object.fromEntries(media) }) };
}

function mediaTypeOf(content: Content): string {
  if (content === "text") return "text/plain";
  return content.endsWith(" stream") ? jsonLines : "application/json";
}

function schemaOf(content: Content): Json {
  switch (content) {
    case "text":
      return { type: "string" };
    case "number":
      return { type: "integer" };
    case "object":
      return { type: "object" };
    default: {
      const name = content.replace(/\[\]$| stream$/, "");
      return content.endsWith("[]") ? { type: "array", items: refTo(name) } : refTo(name);
    }
  }
}

/** All models as JSON schemas that refer to each other. */
function schemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const name of Object.keys(models) as ModelName[]) registry.add(models[name], { id: name });
  const made = z.toJSONSchema(registry, { uri: (id) => refTo(id).$ref });
  return Object.fromEntries(
    Object.entries(made.schemas).map(([name, { $schema: _, $id: __, ...schema }]) => [name, schema]),
  );
}
