// SPDX-License-Identifier: Apache-2.0
// The plugin inside the agent: bin/cilium-cni hands calls over here, which saves them the start of a Node of their own.
import { statSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { listenUnix } from "../../src/api/index.ts";
import { createLogger, errorChain } from "../../src/core/index.ts";
import { type AgentAt, agentClient, type LocalApi } from "./agent.ts";
import { createLocalAgent } from "./local-agent.ts";
import { type Invocation, type Outcome, runPlugin } from "./plugin.ts";

const log = createLogger("cni");

/** Environment and configuration together, in bytes. */
const maxRequest = 2 * 1024 * 1024;
const maxConnections = 512;
/** Milliseconds in which a request has to be there. */
const requestTimeout = 10_000;

type Run = (invocation: Pick<Invocation, "env" | "stdin" | "onBegun">) => Promise<Outcome>;

export interface CniServer {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The plugin's socket beside the agent's. */
export function cniSocketPath(agentSocket: string): string {
  return join(dirname(agentSocket), "cni.sock");
}

/** Runs the plugin in the agent's process: calls for the agent at `agentSocket` go straight to its `api`. */
export function pluginOf(api: LocalApi, agentSocket: string): Run {
  const local = createLocalAgent(api);
  const agentAt: AgentAt = (path, timeout) => (path === agentSocket ? local : agentClient(path, timeout));
  return (invocation) => runPlugin({ ...invocation, agentAt });
}

/**
 * Makes the server. A request is lines of CNI_NAME=VALUE, an empty line, then what was on stdin, up to the end of the
 * stream; the answer is a line with the exit code, then what goes to stdout. A line "begun" comes before that when ADD
 * found no attachment and makes its own: only then is what there is this call's, should the answer not come. CNI_NETNS_FILE is `DEVICE:INODE` of CNI_NETNS
 * as the caller sees it: where that is another file here the answer is 2, and the caller has to do it. For root only.
 */
export function createCniServer(socketPath: string, run: Run): CniServer {
  const open = new Set<Socket>();
  // Half open: the request ends with the client's half.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket, run).catch((error: unknown) => {
      log.warn("Cannot serve a call of the CNI plugin", { error: errorChain(error) });
      socket.destroy();
    });
  });
  server.maxConnections = maxConnections;
  return {
    start: () => listenUnix(server, socketPath, 0o600),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

async function serve(socket: Socket, run: Run): Promise<void> {
  const { env, stdin } = parseRequest(await readAll(socket));
  const { CNI_NETNS_FILE: seen, ...rest } = env;
  if (seen !== undefined && seen !== fileOf(env.CNI_NETNS ?? "")) {
    log.debug("Left a call of the CNI plugin to its caller, whose mounts are others", { netns: env.CNI_NETNS });
    socket.end("2\n");
    return;
  }
  const { exitCode, output } = await run({ env: rest, stdin, onBegun: () => socket.write("begun\n") });
  socket.end(`${exitCode}\n${output}`);
}

/** Undefined when there is none. */
function fileOf(path: string): string | undefined {
  const file = statSync(path, { throwIfNoEntry: false });
  return file === undefined ? undefined : `${file.dev}:${file.ino}`;
}

function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => reject(new Error("the request did not end in time")), requestTimeout);
    const fail = (reason: string): void => {
      clearTimeout(timer);
      reject(new Error(reason));
    };
    socket.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxRequest) fail(`more than ${maxRequest} bytes`);
      else chunks.push(chunk);
    });
    socket.once("close", () => fail("the caller went away"));
    socket.once("end", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
  });
}

/** Takes CNI_ variables only. Throws when the empty line is missing. */
export function parseRequest(text: string): { env: NodeJS.ProcessEnv; stdin: string } {
  const end = text.indexOf("\n\n");
  if (end < 0) throw new Error("no empty line behind the variables");
  const env: NodeJS.ProcessEnv = {};
  for (const line of text.slice(0, end).split("\n")) {
    const at = line.indexOf("=");
    if (!line.startsWith("CNI_") || at < 0) throw new Error("a line that is no CNI_ variable");
    env[line.slice(0, at)] = line.slice(at + 1);
  }
  return { env, stdin: text.slice(end + 2) };
}
