// SPDX-License-Identifier: Apache-2.0
// Listening on a unix socket: right mode from the first moment, stale sockets replaced, living ones left alone.
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { createConnection, type Server } from "node:net";
import { dirname } from "node:path";
import { CiliumError, createLogger } from "../core/index.ts";

const log = createLogger("api");
const maxPath = 107;

/**
 * Listens on `path`, making its folder. A socket file on which nobody answers is replaced; another program that answers,
 * or a file that is no socket, is an error.
 */
export async function listenUnix(server: Server, path: string, mode: number): Promise<void> {
  if (Buffer.byteLength(path) > maxPath) {
    throw cannotListen(path, "ENAMETOOLONG", `a socket path has at most ${maxPath} bytes`);
  }
  mkdirSync(dirname(path), { recursive: true });
  await removeStale(path);
  const umask = process.umask(0o777 & ~mode);
  const listening = new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      reject(cannotListen(path, error.code ?? error.message, "check the folder's owner and mode"));
    };
    server.once("error", fail);
    server.listen(path, () => {
      server.off("error", fail);
      server.on("error", (error) => log.warn("Cannot take a connection", { path, error: error.message }));
      resolve();
    });
  });
  process.umask(umask);
  await listening;
  chmodSync(path, mode);
}

async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw cannotListen(path, "ENOTSOCK", "remove the file, or choose another path");
  if (await answers(path)) throw cannotListen(path, "EADDRINUSE", "another program answers there");
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => done(true));
    socket.once("connect", () => done(true));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      done(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}

function cannotListen(path: string, code: string, advice: string): CiliumError {
  return new CiliumError(`Cannot listen on "${path}": ${code} (${advice})`, { code });
}
