// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CookieRegistry } from "./entries/cookies.ts";
import { PolicyStore } from "./store.ts";
import type { RuleOrigin } from "./types.ts";

function origin(policy: string, section = "ingress[0]"): RuleOrigin {
  return { policy: `default/${policy}`, kind: "CiliumNetworkPolicy", direction: "ingress", section };
}

test("imports that cannot be kept fail; cookies that cannot be kept do not, and are kept when they can", () => {
  const folder = mkdtempSync(join(tmpdir(), "policy-store-"));
  try {
    const store = new PolicyStore(folder);
    // A folder of that name takes no file.
    const inTheWay = ["policy-imported.json", "policy-cookies.json"].map((name) => join(folder, `.${name}.tmp`));
    for (const path of inTheWay) mkdirSync(path);
    const cookies = new CookieRegistry();
    cookies.cookieOf(origin("a"));
    assert.throws(() => store.saveImported([]), /EISDIR/);
    store.saveCookies(cookies);
    for (const path of inTheWay) rmdirSync(path);
    store.saveCookies(cookies);
    assert.equal(readFileSync(join(folder, "policy-cookies.json"), "utf8"), JSON.stringify(cookies));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a new rule costs a line, not the file; what a kill cut short is left out, and a restart knows the rest", () => {
  const folder = mkdtempSync(join(tmpdir(), "policy-store-"));
  try {
    const [snapshot, lines] = ["policy-cookies.json", "policy-cookies.log"].map((name) => join(folder, name));
    const read = (path = "") => readFileSync(path, "utf8");
    const store = new PolicyStore(folder);
    const cookies = store.loadCookies();
    const first = cookies.cookieOf(origin("a"));
    store.saveCookies(cookies);
    const before = read(snapshot);
    const second = cookies.cookieOf(origin("b"));
    store.saveCookies(cookies);
    store.saveCookies(cookies);
    assert.equal(read(snapshot), before);
    assert.equal(read(lines).split("\n").length, 2);
    writeFileSync(lines ?? "", `${read(lines)}[18,{"policy":"def`);
    const again = new PolicyStore(folder).loadCookies();
    assert.deepEqual([again.cookieOf(origin("a")), again.cookieOf(origin("b"))], [first, second]);
    assert.equal(again.cookieOf(origin("c")), second + 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the lines become a new snapshot when they are many", () => {
  const folder = mkdtempSync(join(tmpdir(), "policy-store-"));
  try {
    const store = new PolicyStore(folder);
    const cookies = store.loadCookies();
    const given = new Map<string, number>();
    for (let n = 0; n < 3000; n++) {
      given.set(`p${n}`, cookies.cookieOf(origin(`p${n}`)));
      store.saveCookies(cookies);
    }
    const again = new PolicyStore(folder).loadCookies();
    assert.ok(again.size === 3000 && [...given].every(([name, cookie]) => again.cookieOf(origin(name)) === cookie));
    const path = join(folder, "policy-cookies.log");
    assert.ok(!existsSync(path) || readFileSync(path, "utf8").split("\n").length < 2000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
