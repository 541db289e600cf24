// SPDX-License-Identifier: Apache-2.0
// What the runtime says in the environment: CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, CNI_PATH.
import { CniError, cniCodes } from "./errors.ts";
import { type CniCommand, cniCommands } from "./versions.ts";

/** The pod as CNI_ARGS names it; empty outside Kubernetes. */
export interface PodArgs {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What CNI_ARGS ask for beside (the conventions' IP and MAC); empty for nothing. */
export interface WantedArgs {
  readonly ip: string;
  readonly mac: string;
}

/** A command about one attachment. `netns` is empty for a DEL without one. */
export interface AttachmentEnvironment {
  readonly containerId: string;
  readonly interfaceName: string;
  readonly netns: string;
  readonly pod: PodArgs;
  readonly wanted: WantedArgs;
}

/** Reads CNI_COMMAND. Throws CniError 4. */
export function readCommand(env: NodeJS.ProcessEnv): CniCommand {
  const text = env.CNI_COMMAND ?? "";
  const command = cniCommands.find((known) => known === text);
  if (command !== undefined) return command;
  const found = text === "" ? "it is not set" : `"${text}" is no command`;
  throw invalid(`Cannot run: CNI_COMMAND: ${found} (expected ${cniCommands.join(", ")})`);
}

/** Reads and checks what ADD, DEL and CHECK need. Throws CniError 4 that names every variable at fault. */
export function readAttachment(env: NodeJS.ProcessEnv, command: CniCommand): AttachmentEnvironment {
  const required = ["CNI_CONTAINERID", "CNI_IFNAME", ...(command === "DEL" ? [] : ["CNI_NETNS"])];
  const missing = required.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0) throw invalid(`Cannot ${command}: ${missing.join(", ")} not set`);
  const containerId = env.CNI_CONTAINERID ?? "";
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId) || containerId.length > 256) {
    throw invalid(`Cannot use CNI_CONTAINERID "${containerId}": not letters, digits, "_", "." and "-"`);
  }
  const interfaceName = env.CNI_IFNAME ?? "";
  if (!isInterfaceName(interfaceName)) {
    throw invalid(
      `Cannot use CNI_IFNAME "${interfaceName}": not a device name (1 to 15 bytes without "/", ":", "%", spaces)`,
    );
  }
  const netns = env.CNI_NETNS ?? "";
  if (netns !== "" && !netns.startsWith("/")) throw invalid(`Cannot use CNI_NETNS "${netns}": not an absolute path`);
  const args = readArgs(env.CNI_ARGS ?? "");
  const wanted = { ip: args.get("IP") ?? "", mac: args.get("MAC") ?? "" };
  return { containerId, interfaceName, netns, pod: podOf(args), wanted };
}

/** The kernel numbers names with `%d` itself; `all` and `default` are folders among the devices' settings. */
const noDevices: readonly string[] = [".", "..", "all", "default"];

function isInterfaceName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a name
  return Buffer.byteLength(name) <= 15 && !/[\s/:%\u0000-\u001f\u007f]/.test(name) && !noDevices.includes(name);
}

const knownArgs = [
  "K8S_POD_NAME",
  "K8S_POD_NAMESPACE",
  "K8S_POD_UID",
  "K8S_POD_INFRA_CONTAINER_ID",
  "IP",
  "MAC",
  "IgnoreUnknown",
];

function readArgs(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of text.split(";")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    if (at <= 0) throw invalid(`Cannot read CNI_ARGS: "${pair}" is not KEY=VALUE`);
    pairs.set(pair.slice(0, at), pair.slice(at + 1));
  }
  const unknown = [...pairs.keys()].filter((key) => !knownArgs.includes(key));
  if (unknown.length > 0 && !/^(1|true|yes|on|t)$/i.test(pairs.get("IgnoreUnknown") ?? "")) {
    throw invalid(
      `Cannot read CNI_ARGS: unknown key "${unknown[0]}" (known: ${knownArgs.join(", ")}; or set IgnoreUnknown=1)`,
    );
  }
  return pairs;
}

/** A name without a namespace is no pod's: podman gives its containers' names so. */
function podOf(args: ReadonlyMap<string, string>): PodArgs {
  const name = (key: string): string => {
    const value = args.get(key) ?? "";
    if (value === "" || (value.length <= 253 && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value))) return value;
    throw invalid(`Cannot read CNI_ARGS: ${key} has "${value}", which is not a name`);
  };
  const pod = { namespace: name("K8S_POD_NAMESPACE"), name: name("K8S_POD_NAME"), uid: name("K8S_POD_UID") };
  return pod.namespace === "" ? { namespace: "", name: "", uid: "" } : pod;
}

function invalid(message: string): CniError {
  return new CniError(cniCodes.invalidEnvironment, message);
}
