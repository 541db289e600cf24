// SPDX-License-Identifier: Apache-2.0
// The runtimes' programs, by path: others of the same name may be installed elsewhere.
import { existsSync } from "node:fs";

export const programs = {
  dockerd: "/usr/sbin/dockerd",
  docker: "/usr/bin/docker",
  containerd: "/usr/bin/containerd",
  ctr: "/usr/bin/ctr",
  runc: "/usr/sbin/runc",
  podman: "/usr/bin/podman",
  busybox: "/bin/busybox",
} as const;

/** Why a test that needs these programs is left out; false when they are there. For `skip` of a test. */
export function leftOut(...names: readonly (keyof typeof programs)[]): string | false {
  const missing = names.map((name) => programs[name]).find((path) => !existsSync(path));
  return missing === undefined ? false : `${missing} is not there (npm run test:runtimes installs it)`;
}
