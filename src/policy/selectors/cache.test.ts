// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels, parseCidr } from "../../core/index.ts";
import { randomNumbers } from "../../core/testing.ts";
import type { Requirement, Selector, SelectorOperator } from "../types.ts";
import { prefixSelector } from "./address-selector.ts";
import { cidrLabel } from "./addresses.ts";
import { SelectorIndex } from "./buckets.ts";
import { SelectorCache } from "./cache.ts";
import { matchesSelector } from "./match.ts";
import { makeSelector } from "./selector.ts";

const app = (value: string): Selector => makeSelector([{ source: "any", key: "app", operator: "In", values: [value] }]);
const labels = (value: string): Labels => Labels.parse([`k8s:app=${value}`]);

test("a selector knows identities that came before and after it", () => {
  const cache = new SelectorCache();
  cache.upsertIdentity({ id: 300, labels: labels("web") });
  const web = cache.acquire(app("web"), "default/p");
  assert.deepEqual([...web.ids], [300]);
  assert.deepEqual(cache.upsertIdentity({ id: 301, labels: labels("web") }), [
    { selector: web, added: [301], removed: [] },
  ]);
  assert.deepEqual(cache.upsertIdentity({ id: 302, labels: labels("db") }), []);
  assert.deepEqual(cache.upsertIdentity({ id: 301, labels: labels("web") }), []);
  assert.deepEqual(cache.removeIdentity(300), [{ selector: web, added: [], removed: [300] }]);
  assert.deepEqual(cache.removeIdentity(300), []);
  assert.deepEqual([...web.ids], [301]);
});

test("an identity with other labels leaves some selectors and enters others", () => {
  const cache = new SelectorCache();
  const [web, db] = [cache.acquire(app("web"), "p"), cache.acquire(app("db"), "p")];
  cache.upsertIdentity({ id: 1, labels: labels("web") });
  const changes = cache.upsertIdentity({ id: 1, labels: labels("db") });
  assert.deepEqual(
    new Map(changes.map((change) => [change.selector, [change.added, change.removed]])),
    new Map([
      [web, [[], [1]]],
      [db, [[1], []]],
    ]),
  );
});

test("selectors live as long as they have users", () => {
  const cache = new SelectorCache();
  cache.upsertIdentity({ id: 300, labels: labels("web") });
  const first = cache.acquire(app("web"), "default/a");
  assert.equal(cache.acquire(app("web"), "default/b"), first);
  cache.acquire(app("web"), "default/a");
  assert.deepEqual(cache.rows(), [
    { selector: app("web").text, labels: ["default/a", "default/b"], users: 3, identities: [300] },
  ]);
  cache.release(app("web"), "default/a");
  cache.release(app("web"), "default/a");
  assert.throws(() => cache.release(app("web"), "default/a"), /not in use by "default\/a"/);
  assert.equal(cache.get(app("web")), first);
  cache.release(app("web"), "default/b");
  assert.equal(cache.get(app("web")), undefined);
  assert.deepEqual(cache.rows(), []);
});

test("an identity asks only selectors that may match it", () => {
  const index = new SelectorIndex<string>();
  for (let n = 0; n < 1000; n++) index.add(app(`a${n}`), `a${n}`);
  const namespaced = makeSelector([
    { source: "k8s", key: "io.kubernetes.pod.namespace", operator: "In", values: ["default"] },
    { source: "any", key: "team", operator: "Exists", values: [] },
  ]);
  index.add(namespaced, "team");
  index.add(makeSelector([{ source: "any", key: "app", operator: "NotIn", values: ["x"] }]), "everywhere");
  const asked = index.candidates(Labels.parse(["k8s:app=a7", "k8s:io.kubernetes.pod.namespace=default"]));
  assert.deepEqual([...asked].sort(), ["a7", "everywhere"]);
  index.remove(app("a7"), "a7");
  assert.deepEqual([...index.candidates(labels("a7"))], ["everywhere"]);
});

test("after any sequence of changes the cache agrees with asking every selector about every identity", () => {
  const random = randomNumbers(11);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] ?? assert.fail();
  const keys = ["app", "tier", "io.kubernetes.pod.namespace"];
  const operators: readonly SelectorOperator[] = ["In", "NotIn", "Exists", "DoesNotExist"];
  const requirement = (): Requirement => {
    const operator = pick(operators);
    const values = operator.endsWith("In") ? [pick(["a", "b"]), pick(["b", "c"])] : [];
    return { source: pick(["any", "k8s", "container"]), key: pick(keys), operator, values };
  };
  const prefix = () => {
    const bits = pick([0, 7, 8, 12, 16, 23, 24, 31, 32]);
    return pick([
      parseCidr(`10.${pick([0, 1, 128])}.${pick([0, 1, 255])}.${pick([0, 1, 128])}/${bits}`),
      parseCidr(`fd00:${pick([0, 1, 8000])}:${pick([0, 1])}::/${4 * bits}`),
    ]);
  };
  const selectorOf = (): Selector =>
    random() < 0.4
      ? prefixSelector(prefix(), random() < 0.3 ? [prefix()] : [])
      : makeSelector(Array.from({ length: Math.floor(random() * 4) }, requirement));
  const cache = new SelectorCache();
  const held: Selector[] = [];
  const identities = new Map<number, Labels>();
  for (let step = 0; step < 3000; step++) {
    const action = random();
    const id = 256 + Math.floor(random() * 40);
    if (action < 0.2) {
      const selector = selectorOf();
      held.push(selector);
      cache.acquire(selector, "p");
    } else if (action < 0.3 && held.length > 0) {
      const [selector] = held.splice(Math.floor(random() * held.length), 1);
      if (selector !== undefined) cache.release(selector, "p");
    } else if (action < 0.8) {
      const texts = keys
        .filter(() => random() < 0.7)
        .map((key) => `${pick(["k8s", "container"])}:${key}=${pick(["a", "b", "c"])}`);
      const set = Labels.parse(texts).with(random() < 0.5 ? [cidrLabel(prefix())] : []);
      identities.set(id, set);
      cache.upsertIdentity({ id, labels: set });
    } else {
      identities.delete(id);
      cache.removeIdentity(id);
    }
    if (step % 50 !== 0) continue;
    for (const selector of held) {
      const expected = [...identities].filter(([, set]) => matchesSelector(selector, set)).map(([member]) => member);
      assert.deepEqual([...(cache.get(selector)?.ids ?? [])].sort(), expected.sort(), selector.text);
    }
  }
});

test("prefixes() has those of selectors in use, with their exceptions, once each", () => {
  const cache = new SelectorCache();
  const [ten, one, six] = [parseCidr("10.0.0.0/8"), parseCidr("10.1.0.0/16"), parseCidr("fd00::/8")];
  cache.acquire(prefixSelector(ten, [one]), "default/a");
  cache.acquire(prefixSelector(one), "default/b");
  cache.acquire(prefixSelector(six), "default/b");
  cache.release(prefixSelector(six), "default/b");
  assert.deepEqual([...cache.prefixes().keys()].sort(), ["10.0.0.0/8", "10.1.0.0/16"]);
});
