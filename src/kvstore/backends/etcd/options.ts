// SPDX-License-Identifier: Apache-2.0
// The options of the etcd backend: checked, with defaults, the client file read.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { ConfigError, checkShape, parseDuration, REDACTED, redactText, toError } from "../../../core/index.ts";

/** Names and meanings of the `kvstore-opt` keys. */
export const etcdOptionHelp = {
  "etcd.address": "endpoints, such as http://127.0.0.1:2379; several are separated by commas or spaces",
  "etcd.config": "etcd client file (YAML): endpoints, trusted-ca-file, cert-file, key-file",
  "etcd.qps": "most operations a second (20)",
  "etcd.bootstrapQps": "the same during the first 30 seconds (etcd.qps)",
  "etcd.maxInflight": "most operations under way at once (etcd.qps)",
  "etcd.limit": "most keys in one answer of a list (256)",
  "etcd.keepaliveHeartbeat": "silence after which the connection is probed (15s)",
  "etcd.keepaliveTimeout": "silence after the probe that means the connection is dead (25s)",
  "etcd.operation": "time limit of one operation (10s)",
} as const;

/** TLS material, read. */
export interface EtcdTls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized: boolean;
}

/** Checked options. Times in ms. */
export interface EtcdOptions {
  readonly endpoints: readonly string[];
  readonly tls: EtcdTls | undefined;
  readonly user: { readonly name: string; readonly password: string } | undefined;
  readonly qps: number;
  readonly bootstrapQps: number;
  readonly maxInflight: number;
  readonly listLimit: number;
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly operationMs: number;
}

type RawOptions = Readonly<Record<string, string>>;

const clientFile = z.strictObject({
  endpoints: z.array(z.string()).min(1),
  "trusted-ca-file": z.string().optional(),
  "ca-file": z.string().optional(),
  "cert-file": z.string().optional(),
  "key-file": z.string().optional(),
  "insecure-transport": z.boolean().optional(),
  "insecure-skip-tls-verify": z.boolean().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
});

/** Reads the options and the files they name. Throws ConfigError, which names the key. */
export function parseEtcdOptions(raw: RawOptions): EtcdOptions {
  const address = raw["etcd.address"];
  const config = raw["etcd.config"];
  if ((address === undefined) === (config === undefined)) {
    const problem = address === undefined ? "neither etcd.address nor etcd.config is set" : "both are set";
    throw new ConfigError("kvstore-opt", `Cannot use kvstore "etcd": ${problem} (exactly one is needed)`);
  }
  const qps = positive(raw, "etcd.qps", 20);
  return {
    ...(config === undefined ? fromAddress(address ?? "") : fromFile(config)),
    qps,
    bootstrapQps: positive(raw, "etcd.bootstrapQps", qps),
    maxInflight: positive(raw, "etcd.maxInflight", qps),
    listLimit: positive(raw, "etcd.limit", 256),
    heartbeatMs: duration(raw, "etcd.keepaliveHeartbeat", 15_000),
    heartbeatTimeoutMs: duration(raw, "etcd.keepaliveTimeout", 25_000),
    operationMs: duration(raw, "etcd.operation", 10_000),
  };
}

type Target = Pick<EtcdOptions, "endpoints" | "tls" | "user">;

function fromAddress(address: string): Target {
  const endpoints = address.split(/[\s,]+/).filter((part) => part !== "");
  if (endpoints.length === 0) refuse("etcd.address", address, "an address such as http://127.0.0.1:2379 expected");
  return { endpoints: endpoints.map((text) => endpoint("etcd.address", text)), tls: undefined, user: undefined };
}

function fromFile(path: string): Target {
  const parsed = checkShape(clientFile, readYaml(path));
  if (!parsed.ok) return refuse("etcd.config", path, `${parsed.where || "(top level)"}: ${parsed.problem}`);
  const file = parsed.value;
  const endpoints = file.endpoints.map((text) => endpoint("etcd.config", text));
  const ca = file["trusted-ca-file"] ?? file["ca-file"];
  const { "cert-file": cert, "key-file": key } = file;
  if ((cert === undefined) !== (key === undefined)) {
    refuse("etcd.config", path, "cert-file and key-file belong together");
  }
  const tls: EtcdTls = {
    ...(ca === undefined ? {} : { ca: readMaterial(ca, path) }),
    ...(cert === undefined ? {} : { cert: readMaterial(cert, path) }),
    ...(key === undefined ? {} : { key: readMaterial(key, path) }),
    rejectUnauthorized: file["insecure-skip-tls-verify"] !== true,
  };
  const user = file.username === undefined ? undefined : { name: file.username, password: file.password ?? "" };
  return { endpoints, tls, user };
}

function readYaml(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8"), { logLevel: "error", prettyErrors: false });
  } catch (error) {
    return refuse("etcd.config", path, toError(error).message.split("\n")[0] ?? "");
  }
}

function readMaterial(path: string, from: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    return refuse("etcd.config", from, toError(error).message);
  }
}

function endpoint(option: string, text: string): string {
  const withScheme = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url !== undefined && url.username + url.password !== "") {
    return refuse(option, `${url.protocol}//${REDACTED}@${url.host}`, "username and password belong into etcd.config");
  }
  const plain = url !== undefined && (url.pathname === "/" || url.pathname === "") && url.search === "";
  if (url === undefined || !plain || (url.protocol !== "http:" && url.protocol !== "https:")) {
    const shown = text.includes("@") ? `${REDACTED}${text.slice(text.lastIndexOf("@"))}` : text;
    return refuse(option, shown, "http://HOST:PORT or https://HOST:PORT expected");
  }
  return url.origin;
}

function positive(raw: RawOptions, option: string, fallback: number): number {
  const text = raw[option];
  if (text === undefined) return fallback;
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : refuse(option, text, "a whole number above 0 expected");
}

function duration(raw: RawOptions, option: string, fallback: number): number {
  const text = raw[option];
  if (text === undefined) return fallback;
  const value = parseDuration(text);
  if (value === undefined || value <= 0) return refuse(option, text, "a duration above 0 such as 15s expected");
  return value;
}

function refuse(option: string, found: string, why: string): never {
  throw new ConfigError("kvstore-opt", `Cannot use kvstore-opt "${option}=${redactText(found)}": ${why}`);
}
