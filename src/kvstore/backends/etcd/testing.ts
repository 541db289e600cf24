// SPDX-License-Identifier: Apache-2.0
// A session as a certain user, for tests.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openKvstore } from "../../module.ts";
import { impatientOptions } from "../../testing.ts";
import type { Kvstore } from "../../types.ts";

/** Opens a session with a client file that names the user; the file is read at once and removed. */
export function connectionAs(url: string, username: string, password: string): Kvstore {
  const folder = mkdtempSync(join(tmpdir(), "etcd-client-"));
  try {
    const path = join(folder, "client.yaml");
    writeFileSync(path, JSON.stringify({ endpoints: [url], username, password }));
    return openKvstore({ kind: "etcd", options: { ...impatientOptions, "etcd.config": path } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
