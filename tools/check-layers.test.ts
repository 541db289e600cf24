// SPDX-License-Identifier: Apache-2.0
// The layer check on small checkouts made for it.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { checkTree } from "./check-layers.ts";
import { findImports } from "./import-graph.ts";
import { LAYERS, SIDEWAYS } from "./layers.ts";

const LIST = `# Dependencies

## npm packages

| package | folders that may import it | reason |
|---|---|---|
| \`koffi\` | \`src/kernel\`, \`src/core\` | FFI |
| \`pino\` | \`src/core\` | logs |
| \`esbuild\` | run only | bundles |

## Debian packages

| \`clang\` | \`bpf\` | compiles |
`;

/** Messages, with their places, for a checkout with these files. */
function check(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), "check-layers-"));
  const base = {
    "docs/dependencies.md": LIST,
    "package.json": JSON.stringify({ dependencies: { koffi: "1", pino: "1" }, devDependencies: { esbuild: "1" } }),
  };
  try {
    for (const [path, text] of Object.entries({ ...base, ...files })) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return checkTree(root).map(({ path, line, message }) => `${path}:${line}: ${message}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Asserts that one import is refused with a message that matches, or accepted. */
function expectImport(importer: string, specifier: string, expected: RegExp | "accepted"): void {
  const found = check({ [importer]: `import { x } from "${specifier}";\n` });
  if (expected === "accepted") assert.deepEqual(found, [], `${importer} → ${specifier}`);
  else assert.match(found.join("\n"), expected, `${importer} → ${specifier}`);
}

test("imports go downwards, through the door", () => {
  expectImport("src/kernel/fd.ts", "../core/index.ts", "accepted");
  expectImport("src/kernel/bpf/map.ts", "../../core/index.ts", "accepted");
  expectImport("src/kernel/bpf/map.ts", "../fd.ts", "accepted");
  expectImport("apps/agent/main.ts", "../../src/api/index.ts", "accepted");
  expectImport("src/core/table.ts", "../kernel/index.ts", /src\/core\/table\.ts:1: .*src\/kernel is above src\/core/);
  expectImport("src/policy/engine.ts", "../api/index.ts", /src\/api is above/);
  expectImport("src/api/server.ts", "../../apps/agent/main.ts", /apps\/agent is above/);
  expectImport("src/core/table.ts", "../../tools/layers.ts", /tools is above/);
});

test("deep imports past the door are refused, but for generated code and testing.ts in tests", () => {
  expectImport("src/kernel/fd.ts", "../core/table.ts", /past the door \(import src\/core\/index\.ts\)/);
  expectImport("tests/e2e/x.test.ts", "../../src/core/table.ts", /past the door/);
  expectImport("src/datapath/maps.ts", "../abi/endpoint.gen.ts", "accepted");
  expectImport("src/kvstore/etcd.ts", "../protos/gen/etcd/rpc_pb.ts", "accepted");
  expectImport("src/datapath/x.test.ts", "../kernel/testing.ts", "accepted");
  expectImport("src/datapath/x.ts", "../kernel/testing.ts", /past the door/);
});

test("sideways imports need an edge", () => {
  expectImport("src/policy/engine.ts", "../identity/index.ts", "accepted");
  expectImport("src/endpoint/manager.ts", "../policy/index.ts", "accepted");
  expectImport("src/identity/allocator.ts", "../policy/index.ts", /no edge src\/identity → src\/policy/);
  expectImport("src/ipam/pool.ts", "../node/index.ts", /no edge/);
  expectImport("src/kvstore/etcd.ts", "../kubernetes/index.ts", /no edge/);
  expectImport("apps/cli/main.ts", "../sandbox/index.ts", "accepted");
  expectImport("apps/agent/main.ts", "../cli/index.ts", /no edge/);
});

test("folders that the layer table does not know are refused", () => {
  expectImport("src/surprise/x.ts", "../core/index.ts", /Cannot place folder "src\/surprise"/);
  expectImport("apps/agent/main.ts", "../../src/surprise/index.ts", /Cannot place folder "src\/surprise"/);
});

test("packages may be imported where docs/dependencies.md says, koffi in src/kernel whatever it says", () => {
  expectImport("src/core/log.ts", "pino", "accepted");
  expectImport("src/core/log.ts", "pino/file", "accepted");
  expectImport("src/kernel/log.ts", "pino", /allows it in src\/core/);
  expectImport("src/core/x.ts", "left-pad", /"left-pad": not in docs\/dependencies\.md/);
  expectImport("src/core/x.ts", "@scope/name/sub", /"@scope\/name": not in/);
  expectImport("src/kernel/ffi.ts", "koffi", "accepted");
  expectImport("src/core/ffi.ts", "koffi", /only src\/kernel calls foreign functions/);
  expectImport("src/core/x.ts", "node:fs", "accepted");
  expectImport("src/core/x.ts", "fs", /write "node:fs"/);
});

test("the dependency list and package.json name the same packages", () => {
  const packageJson = JSON.stringify({ dependencies: { koffi: "1", zod: "1" }, devDependencies: { esbuild: "1" } });
  const found = check({ "package.json": packageJson }).join("\n");
  assert.match(found, /Cannot find "zod" of package\.json/);
  assert.match(found, /dependencies\.md:8: Cannot find "pino" in package\.json/);
});

test("files and C functions have a longest length", () => {
  const lines = (count: number) => "// x\n".repeat(count);
  assert.deepEqual(check({ "src/core/a.ts": lines(400), "bpf/lib/a.h": lines(500) }), []);
  assert.match(check({ "src/core/a.ts": lines(401) }).join(), /a\.ts:401: Cannot accept 401 lines: 400/);
  assert.match(check({ "bpf/lib/a.h": lines(501) }).join(), /500 is the limit/);
  assert.deepEqual(check({ "src/abi/a.gen.ts": lines(900), "src/protos/gen/x_pb.ts": lines(900) }), []);

  const helper = (body: number) => `static __always_inline int\nhelper(int a)\n{\n${"\ta++;\n".repeat(body)}}\n`;
  const entry = (body: number) => `SEC("tc")\nint cil_from_x(struct __sk_buff *ctx)\n{\n${"\ta++;\n".repeat(body)}}\n`;
  const noise = 'int declared(int a);\nstruct s {\n\tint a;\n};\nchar _license[] SEC("license") = "GPL";\n';
  assert.deepEqual(check({ "bpf/lib/a.h": noise + helper(76) + entry(36) }), []);
  assert.match(check({ "bpf/lib/a.h": noise + helper(77) }).join(), /a\.h:6: Cannot accept a helper of 81 lines: 80/);
  assert.match(check({ "bpf/programs/a.bpf.c": entry(37) }).join(), /a program entry of 41 lines: 40/);
});

test("findImports() sees every form, and neither comments nor strings", () => {
  const source = `
import { a } from "./a.ts";
import type {
  B,
} from "./b.ts";
import "./c.ts";
export * from "./d.ts";
export { type E, f } from './e.ts';
const g = await import("./g.ts");
// import { h } from "./h.ts";
/* import { i } from "./i.ts"; */
const text = \`
import { j } from "./j.ts";
\`;
const url = "http://x"; import("./k.ts");
`;
  const found = findImports(source);
  assert.deepEqual(
    found.map(({ specifier }) => specifier),
    ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./g.ts", "./k.ts"],
  );
  assert.equal(found[1]?.line, 5);
});

test("the layer table has no edge that leaves its layer", () => {
  for (const [from, targets] of SIDEWAYS) {
    for (const to of targets) assert.equal(LAYERS.get(from), LAYERS.get(to), `${from} → ${to}`);
  }
});
