// SPDX-License-Identifier: Apache-2.0
// A session with a client file, for tests.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openKvstore } from "../../module.ts";
import { impatientOptions } from "../../testing.ts";
import type { Kvstore } from "../../types.ts";

/** Opens a session with a client file of these fields; it is read at once and removed. */
export function connectionWith(fields: Readonly<Record<string, unknown>>): Kvstore {
  const folder = mkdtempSync(join(tmpdir(), "etcd-client-"));
  try {
    const path = join(folder, "client.yaml");
    writeFileSync(path, JSON.stringify(fields));
    return openKvstore({ kind: "etcd", options: { ...impatientOptions, "etcd.config": path } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
