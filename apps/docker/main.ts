// SPDX-License-Identifier: Apache-2.0
// cilium-docker: serves Docker's engine until it is told to stop. What it set up stays.
import { CiliumError, configureLogging, createLogger, errorChain } from "../../src/core/index.ts";
import { frontOf } from "./front.ts";
import { type DockerOptions, parseOptions, usage } from "./options.ts";
import { createPlugin } from "./plugin.ts";

async function main(options: DockerOptions): Promise<void> {
  configureLogging({ level: options.debug ? "debug" : "info", format: "text" });
  const log = createLogger("docker");
  const plugin = createPlugin(options, frontOf(process.env));
  const stop = new Promise<string>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(signal));
  });
  await plugin.start();
  log.info("Plug-in is ready", { socket: plugin.socketPath, agent: options.agentSocket, engine: options.dockerSocket });
  log.info("Plug-in stops; containers keep their network", { reason: await stop });
  await plugin.stop();
  process.exit(0);
}

try {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options === undefined) process.stdout.write(usage);
  else await main(options);
} catch (error) {
  process.stderr.write(`Error: ${errorChain(error)}\n`);
  process.exit(error instanceof CiliumError && error.code === "USAGE" ? 2 : 1);
}
