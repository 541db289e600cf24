// SPDX-License-Identifier: Apache-2.0
// Takes secrets out of whatever text a sysdump collects. Too much is better than too little.
import { REDACTED, redactText } from "../../../src/core/index.ts";

/** Words in names of what must not leave the machine. */
const secretName =
  /token|passw(?:or)?d|passphrase|secret|credential|authorization|psk|api[-_]?key|private[-_]?key|key[-_.]?data|client[-_.]?key|tls[-_.]?key/i;
/** A value: in quotes (of JSON in JSON, too), or up to what ends a word. */
const value = String.raw`(?:\[redacted\]|\\?"(?:[^"\\\n]|\\.)*?\\?"|'[^'\n]*'|[^\s"',;}\]&]+)`;
/** `password: x`, `"password": "x"`, `--etcd-password=x`, `password="x y"`. */
const assigned = new RegExp(String.raw`(?<![\w.-])([\w.-]+)(\\?["']?\s*(?:[:=]|=>)\s*)(${value})`, "g");
/** A name that is a secret as a whole. */
const keyAlone = new RegExp(String.raw`(?<![\w.-])((?:key|PrivateKey|PresharedKey)\\?["']?\s*[:=]\s*)(${value})`, "g");
/** IPsec's `3 rfc4106(gcm(aes)) HEX 128`, and any hex as long as a key behind a cipher. */
const cipherKey = /((?:rfc4106|rfc4543|gcm|cbc|ctr|hmac|aead|auth|enc|digest_null)[\w()-]*\s+(?:0x)?)[0-9a-f]{16,}/gi;
const jwt = /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;

/** The text without secrets. Names stay, values go. */
export function redactSecrets(text: string): string {
  return redactText(text)
    .replace(assigned, (whole: string, name: string, sign: string, found: string) =>
      secretName.test(name) ? name + sign + withheld(found) : whole,
    )
    .replace(keyAlone, (whole: string, name: string, found: string) =>
      isPlain(found) ? whole : name + withheld(found),
    )
    .replace(cipherKey, `$1${REDACTED}`)
    .replace(jwt, REDACTED);
}

/** Quotes stay, so that JSON stays JSON. */
function withheld(found: string): string {
  const quote = /^(?:\\"|"|')/.exec(found)?.[0] ?? "";
  return `${quote}${REDACTED}${quote}`;
}

/** Addresses, numbers and prefixes are keys of maps and rows, and no secrets; nor is what was taken out already. */
function isPlain(found: string): boolean {
  if (found.includes(REDACTED.slice(0, -1))) return true;
  return /^\\?["']?[\d.:/a-f]*\\?["']?$/i.test(found) || found.length < 8;
}
