// SPDX-License-Identifier: Apache-2.0
// An image made of busybox, and of links to the machine's libraries for helpers whose folders are mounted.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programs } from "./programs.ts";

export const imageName = "cilium-test";

/** Imports it into a Docker engine. */
export function importImage(host: string): void {
  const folder = mkdtempSync(join(tmpdir(), "cilium-image-"));
  try {
    const tar = join(folder, "image.tar");
    execFileSync("tar", ["-C", makeRoot(folder), "-cf", tar, "."]);
    execFileSync(programs.docker, ["import", tar, imageName], { env: { DOCKER_HOST: host }, stdio: "pipe" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The image's only layer, as a folder below `folder`; gives its path. */
export function makeRoot(folder: string): string {
  const root = join(folder, "root");
  for (const path of ["bin", "etc", "tmp", "usr"]) mkdirSync(join(root, path), { recursive: true });
  copyFileSync(programs.busybox, join(root, "bin/busybox"));
  for (const name of ["sh", "sleep", "ip", "nslookup"]) symlinkSync("busybox", join(root, "bin", name));
  for (const name of ["lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  return root;
}
