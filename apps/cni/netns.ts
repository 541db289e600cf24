// SPDX-License-Identifier: Apache-2.0
// The container's network namespace, opened once for a command.
import { statSync } from "node:fs";
import { type Fd, netnsCookie, openNetns } from "../../src/kernel/index.ts";
import { CniError, cniCodes } from "./errors.ts";

/** Opens CNI_NETNS. Throws CniError 4 when it is no namespace, or the host's own. */
export function openContainerNetns(path: string): Fd {
  const netns = tryOpenContainerNetns(path);
  if (netns === undefined) {
    throw new CniError(cniCodes.invalidEnvironment, `Cannot open CNI_NETNS "${path}": not a network namespace`);
  }
  if (sameFile(path, "/proc/self/ns/net")) {
    netns.close();
    throw new CniError(cniCodes.invalidEnvironment, `Cannot use CNI_NETNS "${path}": it is the host's own namespace`);
  }
  return netns;
}

/** Undefined when the path, or the namespace behind it, is gone. */
export function tryOpenContainerNetns(path: string): Fd | undefined {
  if (path === "") return undefined;
  let netns: Fd;
  try {
    netns = openNetns(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ESRCH") return undefined;
    throw new CniError(cniCodes.io, `Cannot open CNI_NETNS "${path}": ${code ?? String(error)}`);
  }
  try {
    // An unmounted bind mount leaves a plain file, which cannot be entered.
    netnsCookie(netns);
    return netns;
  } catch {
    netns.close();
    return undefined;
  }
}

function sameFile(a: string, b: string): boolean {
  const [left, right] = [statSync(a), statSync(b)];
  return left.ino === right.ino && left.dev === right.dev;
}
