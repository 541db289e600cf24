// SPDX-License-Identifier: Apache-2.0
// The agent: reads its configuration, lists its modules in start order, runs them until it is told to stop.
import {
  ConfigError,
  configureLogging,
  createLogger,
  errorChain,
  loadConfig,
  optionHelp,
  runModules,
} from "../../src/core/index.ts";
import { createAgentModules } from "./modules.ts";
import { checks, options } from "./options.ts";
import { superfluousCapabilities } from "./privileges.ts";
import { version } from "./version.ts";

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes("--help") || argv.includes("-h")) {
    console.log(`Usage: cilium-agent [--config-dir DIR] [--KEY=VALUE]…\n\n${optionHelp(Object.values(options))}`);
    return;
  }
  if (argv.includes("--version")) {
    console.log(version.version);
    return;
  }
  const config = loadConfig({ options: Object.values(options), checks, env: process.env, argv });
  configureLogging({ level: config.get(options.debug) ? "debug" : "info", format: config.get(options.logFormat) });
  const log = createLogger("agent");
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort(new Error(signal)));
  log.info("Agent starts", { version: version.version, node: config.get(options.nodeName), pid: process.pid });
  const superfluous = superfluousCapabilities();
  if (superfluous.length > 0) log.warn("Agent has capabilities that it does not need", { numbers: superfluous });
  const agent = createAgentModules(config);
  const running = await runModules(agent.modules, { signal: stop.signal, onStarted: agent.onStarted }).catch(
    (error: unknown) => {
      if (!stop.signal.aborted) throw error;
      log.info("Agent was stopped while it was starting", { reason: errorChain(error) });
      process.exit(0);
    },
  );
  agent.started(running);
  log.info("Agent is ready");
  if (!stop.signal.aborted)
    await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
  log.info("Agent stops; what it set up in the kernel stays");
  await running.stop();
  process.exit(0);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`Error: ${errorChain(error)}`);
  process.exit(error instanceof ConfigError ? 2 : 1);
});
