// SPDX-License-Identifier: Apache-2.0
// Takes secrets out of log fields before they are written.

const SECRET_WORD = /token|passw(?:or)?d|passphrase|secret|authorization|credential|^(?:set-)?cookie$|^psk$|Psk$/i;
/** `key` alone is a secret only as a word of its own: `key`, `tlsKey`, `client-key`, `key_data`; not `monkey`. */
const SECRET_KEY = /(?:^|[-_.])key(?:$|[-_.](?:data|file-content|pem))|[a-z]Key(?:$|Data|Pem)|^KEY$/;
/** Names that look like secrets and are none. */
const PUBLIC_NAME = /^(?:encryptKey|publicKey|public-key|rowKey|tableKey|configKey|indexKey)$/i;
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi;
const URL_PASSWORD = /(:\/\/[^\s/:@]+):[^\s/@]+@/g;
/** `password=x` in running text and in queries of URLs. */
const ASSIGNED = /(?<![\w.-])([\w.-]+)=[^\s&,;"'[]+/g;
const ASSIGNED_NAME = /passw(?:or)?d|passphrase|secret|token/i;
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const MAX_DEPTH = 6;

/** What stands in the place of a secret. */
export const REDACTED = "[redacted]";

/** Copies fields without the values of secret-looking keys, and with Errors turned into text. */
export function redactFields(
  fields: Readonly<Record<string, unknown>>,
  describeError: (error: Error) => string,
): Record<string, unknown> {
  return redactObject(fields, describeError, 0);
}

/** Whether a field of this name is withheld. */
export function isSecretName(name: string): boolean {
  return !PUBLIC_NAME.test(name) && (SECRET_WORD.test(name) || SECRET_KEY.test(name));
}

/** Takes credentials out of running text: bearer tokens, passwords in URLs and behind `password=`, private keys. */
export function redactText(text: string): string {
  if (!/earer|asic|:\/\/|-----|passw|passphrase|secret|token/i.test(text)) return text;
  return text
    .replace(BEARER, `$1 ${REDACTED}`)
    .replace(URL_PASSWORD, `$1:${REDACTED}@`)
    .replace(ASSIGNED, (all, name: string) => (ASSIGNED_NAME.test(name) ? `${name}=${REDACTED}` : all))
    .replace(PEM, REDACTED);
}

function redactObject(object: object, describeError: (error: Error) => string, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    out[name] = isSecretName(name) && value !== undefined ? REDACTED : redactValue(value, describeError, depth);
  }
  return out;
}

function redactValue(value: unknown, describeError: (error: Error) => string, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return redactText(describeError(value));
  if (depth >= MAX_DEPTH) return "[…]";
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return redactValue(value.toJSON(), describeError, depth + 1);
  }
  if (Array.isArray(value) || value instanceof Set) {
    return Array.from(value, (item) => redactValue(item, describeError, depth + 1));
  }
  if (value instanceof Map) return redactObject(Object.fromEntries(value), describeError, depth + 1);
  return redactObject(value, describeError, depth + 1);
}
