// SPDX-License-Identifier: Apache-2.0
// For tests (import it, or --import): a file descriptor that is not closed fails the test file; throw-away namespaces.
import { randomBytes } from "node:crypto";
import { type Fd, trackFds } from "./fd.ts";
import { createNetns, deleteNetns } from "./netns.ts";

trackFds();

/** A namespace that is gone when the scope ends. */
export interface TestNetns extends Disposable {
  readonly path: string;
  readonly fd: Fd;
}

/** Makes a namespace with a name of its own under /run/netns. */
export function testNetns(): TestNetns {
  const path = `/run/netns/kt-${randomName()}`;
  const fd = createNetns(path);
  return {
    path,
    fd,
    [Symbol.dispose]: () => {
      fd.close();
      deleteNetns(path);
    },
  };
}

/** Eight characters that nobody else uses. */
export function randomName(): string {
  return randomBytes(4).toString("hex");
}
