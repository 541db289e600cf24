// SPDX-License-Identifier: Apache-2.0
// The plug-in's command line.
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { agentSocketPath } from "../../src/api/index.ts";
import { CiliumError } from "../../src/core/index.ts";

export interface DockerOptions {
  /** What -d and --ipam-driver say. */
  readonly name: string;
  readonly agentSocket: string;
  readonly dockerSocket: string;
  readonly pluginDir: string;
  readonly stateDir: string;
  readonly debug: boolean;
}

export const usage = `Usage: cilium-docker [OPTION]…

Docker's network driver and IPAM driver: containers get addresses, identities and policies from the local agent.

  --agent-socket PATH   of the agent (default CILIUM_SOCK, else /var/run/cilium/cilium.sock)
  --docker-socket PATH  of the Docker engine's API (default /var/run/docker.sock)
  --plugin-dir PATH     where the engine looks for plug-ins (default /run/docker/plugins)
  --name NAME           of the drivers, for docker network create -d (default cilium)
  --state-dir PATH      what outlives a restart (default docker/ beside the agent's socket)
  --debug               log more
  -h, --help            this text
`;

/** Undefined when help is asked for. Throws CiliumError `USAGE`. */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): DockerOptions | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const name = values.name ?? "cilium";
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(name)) {
    throw wrong(`Cannot use name "${name}": not letters, digits, "_", "." and "-"`);
  }
  const agentSocket = agentSocketPath(values["agent-socket"], env);
  return {
    name,
    agentSocket,
    dockerSocket: path("docker-socket", values["docker-socket"], "/var/run/docker.sock"),
    pluginDir: path("plugin-dir", values["plugin-dir"], "/run/docker/plugins"),
    stateDir: path("state-dir", values["state-dir"], join(dirname(agentSocket), "docker")),
    debug: values.debug === true,
  };
}

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        "agent-socket": text,
        "docker-socket": text,
        "plugin-dir": text,
        name: text,
        "state-dir": text,
        debug: flag,
        help: { ...flag, short: "h" },
      },
    }).values;
  } catch (error) {
    throw wrong(`Cannot read options: ${error instanceof Error ? error.message : String(error)} (see --help)`);
  }
}

function path(option: string, given: string | undefined, preset: string): string {
  const value = given ?? preset;
  const plain = value.startsWith("unix://") ? value.slice("unix://".length) : value;
  if (plain.startsWith("/") && !plain.includes("\0")) return plain;
  throw wrong(`Cannot use --${option} "${value}": not an absolute path`);
}

function wrong(message: string): CiliumError {
  return new CiliumError(message, { code: "USAGE" });
}
