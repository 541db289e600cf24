// SPDX-License-Identifier: Apache-2.0
// Where the files of a sysdump go.
import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { CiliumError, toError } from "../../../src/core/index.ts";
import { tarEnd, tarEntry } from "./tar.ts";

/** Where files go; nothing of it is anybody else's business. */
export interface Output extends AsyncDisposable {
  readonly path: string;
  readonly write: (path: string, bytes: Buffer) => Promise<void>;
}

/** A folder of files. */
export function folder(path: string): Output {
  return {
    path,
    async write(name, bytes) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, bytes, { mode: 0o600 });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A tar archive, gzipped or not; removed again when it cannot be written to its end. */
export async function archive(path: string, now: number, { gzip }: { readonly gzip: boolean }): Promise<Output> {
  const file = createWriteStream(path, { mode: 0o600 });
  await once(file, "open");
  const tar = gzip ? createGzip() : new PassThrough();
  const written = pipeline(tar, file).catch((error: unknown) => {
    rmSync(path, { force: true });
    throw new CiliumError(`Cannot write "${path}": ${toError(error).message} (the archive is removed)`);
  });
  // Whoever writes or closes next gets it.
  written.catch(() => {});
  const top = path.replace(/^.*\//, "").replace(/\.tar(\.gz)?$/, "");
  return {
    path: resolve(path),
    async write(name, bytes) {
      if (tar.destroyed) await written;
      if (tar.write(tarEntry(`${top}/${name}`, bytes, Math.floor(now / 1000)))) return;
      await Promise.race([once(tar, "drain"), written]);
    },
    async [Symbol.asyncDispose]() {
      tar.end(tarEnd);
      await written;
    },
  };
}
