// SPDX-License-Identifier: Apache-2.0
// The shell's socket: its server and its client.
export { askShell, ShellClient, type ShellOutput } from "./client.ts";
export { createShellServer, maxSessions, type ShellServerOptions } from "./server.ts";
export type { ShellApi } from "./types.ts";
