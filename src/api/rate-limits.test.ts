// SPDX-License-Identifier: Apache-2.0
// Limits of calls: how they are written, and how they follow what calls take.
import assert from "node:assert/strict";
import { test } from "node:test";
import { configureLogging, FakeClock } from "../core/index.ts";
import { RateLimiter } from "./rate-limit.ts";
import { defaultRateLimits, parseRateLimits, rateLimitsWith, unlimited } from "./rate-limits.ts";

configureLogging({ level: "silent" });

const limits = (text: string) => rateLimitsWith(parseRateLimits(text) ?? new Map([["", "bad"]]));

test("settings replace what is named of the defaults, in Cilium's words", () => {
  const create = "endpoint-create=rate-limit:10/m,rate-burst:2,parallel-requests:3,auto-adjust:false";
  const changed = limits(`${create},endpoint-get=max-wait-duration:250ms,skip-initial:0,log:true`);
  assert.deepEqual(changed, {
    ...defaultRateLimits,
    "endpoint-create": {
      ...defaultRateLimits["endpoint-create"],
      ...{ rate: 1 / 6, burst: 2, parallel: 3, autoAdjust: false },
    },
    "endpoint-get": { ...defaultRateLimits["endpoint-get"], maxWait: 250, skipInitial: 0, log: true },
  });
  assert.deepEqual(limits('{"endpoint-list": "rate-limit:1/100ms,mean-over:20,max-adjustment-factor:2.5"}'), {
    ...defaultRateLimits,
    "endpoint-list": { ...defaultRateLimits["endpoint-list"], rate: 10, meanOver: 20, maxFactor: 2.5 },
  });
  assert.equal(limits("endpoint-create=rate-limit:3.6/h")["endpoint-create"].rate, 0.001);
  assert.deepEqual(limits(""), defaultRateLimits);
});

test("what cannot be read is no setting", () => {
  for (const text of [
    ...["endpoint-create", "rate-limit:1/s", "endpoint-make=rate-limit:1/s", "endpoint-get=rate:1/s", "{", "[]"],
    ...["endpoint-get=rate-limit:1", "endpoint-get=rate-limit:1/1", "endpoint-get=rate-limit:1/0s"],
    ...[
      "endpoint-get=rate-limit:-1/s",
      "endpoint-get=rate-burst:1.5",
      "endpoint-get=log:maybe",
      "endpoint-get=mean-over:0",
    ],
    ...["endpoint-get=delayed-adjustment-factor:2", "endpoint-get=max-wait-duration:5", '{"endpoint-get": 1}'],
  ]) {
    assert.equal(parseRateLimits(text), undefined, text);
  }
});

test("a limit follows what calls take, up to a hundred times", async () => {
  const clock = new FakeClock();
  const limiter = new RateLimiter("endpoint-create", { ...defaultRateLimits["endpoint-create"], meanOver: 1 }, clock);
  const call = async (ms: number) => {
    using _turn = await limiter.acquire();
    clock.advance(ms);
  };
  assert.deepEqual(limiter.state.allowed, { rate: 0.5, burst: 4, parallel: 4, factor: 1 });
  await call(200);
  assert.deepEqual(limiter.state.allowed, { rate: 5, burst: 22, parallel: 22, factor: 10 });
  await call(0);
  assert.deepEqual(limiter.state.allowed, { rate: 50, burst: 202, parallel: 202, factor: 100 });
  await call(4000);
  assert.deepEqual(limiter.state.allowed, { rate: 0.25, burst: 3, parallel: 3, factor: 0.5 });
  assert.deepEqual([limiter.state.meanDuration, limiter.state.running], [4, 0]);
});

test("the first calls are not limited, later ones wait for the rate, and are refused in time", async () => {
  const clock = new FakeClock();
  const limit = { ...unlimited, rate: 1, burst: 1, skipInitial: 2, minWait: 100, maxWait: 2000 };
  const limiter = new RateLimiter("endpoint-get", limit, clock);
  const done: string[] = [];
  const start = (name: string) =>
    limiter.acquire().then(
      (turn) => {
        turn[Symbol.dispose]();
        done.push(name);
      },
      (error: Error) => void done.push(`${name}: ${error.message}`),
    );
  const calls = ["a", "b", "c", "d", "e", "f", "g"].map(start);
  const settle = async (ms: number) => {
    clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
    return done.splice(0);
  };
  assert.deepEqual(await settle(0), ["a", "b"]);
  assert.deepEqual(await settle(100), ["c"]);
  assert.deepEqual(await settle(1000), ["d"]);
  // The next turn would be at 2100 ms.
  const refused = ["e", "f", "g"].map(
    (name) => `${name}: Cannot serve endpoint-get: rate limit reached (try again later)`,
  );
  assert.deepEqual(await settle(1000), refused);
  await Promise.all(calls);
});
