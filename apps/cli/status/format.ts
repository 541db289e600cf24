// SPDX-License-Identifier: Apache-2.0
// The screen of `status`: lines in a fixed order, each only when the agent tells of it.
import type { StatusResponse } from "../../../src/api/index.ts";
import { alignLines, type Line, nestedTable } from "../output/table.ts";
import { ago } from "../time.ts";
import { componentLines } from "./components.ts";
import { datapathLines } from "./datapath.ts";
import { detailLines } from "./details.ts";

/** What is shown beyond the usual. */
export interface StatusOptions {
  readonly allAddresses: boolean;
  readonly allControllers: boolean;
  readonly allRedirects: boolean;
  readonly allHealth: boolean;
  readonly verbose: boolean;
}

/** Nothing beyond the usual. */
export const noDetails: StatusOptions = {
  allAddresses: false,
  allControllers: false,
  allRedirects: false,
  allHealth: false,
  verbose: false,
};

/** The screen, aligned. */
export function formatStatus(...parts: Parameters<typeof statusLines>): string[] {
  return alignLines(statusLines(...parts));
}

/** Every part of the screen, top to bottom. `health` is the block that tells which nodes answer. */
export function statusLines(
  status: StatusResponse,
  options: StatusOptions,
  now: number,
  health: readonly Line[] = [],
): Line[] {
  return [
    ...componentLines(status),
    ...ipamLines(status, options),
    ...datapathLines(status, options),
    ...controllerLines(status, options, now),
    ...detailLines(status, options),
    ...health,
    ...moduleLines(status, options),
  ];
}

function ipamLines({ ipam }: StatusResponse, { allAddresses }: StatusOptions): Line[] {
  if (ipam === undefined) return [];
  const lines: Line[] = [["IPAM:", ipam.status]];
  if (!allAddresses) return lines;
  const owners = Object.entries(ipam.allocations ?? {}).map(([address, owner]) => `  ${address} (${owner})`);
  // Sorted as text.
  return [...lines, ["Allocated addresses:"], ...owners.sort().map((line): Line => [line])];
}

function controllerLines({ controllers }: StatusResponse, { allControllers }: StatusOptions, now: number): Line[] {
  if (controllers === undefined) return [];
  const failing = controllers.filter(({ status }) => (status["consecutive-failure-count"] ?? 0) > 0);
  const healthy = controllers.length - failing.length;
  const lines: Line[] = [["Controller Status:", `${healthy}/${controllers.length} healthy`]];
  const shown = [...(allControllers ? controllers : failing)].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (shown.length === 0) return lines;
  const rows = shown.map(({ name, status }): Line => {
    const failures = status["consecutive-failure-count"] ?? 0;
    const message = failures > 0 ? (status["last-failure-msg"] ?? "") : "no error";
    const [success, failure] = [status["last-success-timestamp"], status["last-failure-timestamp"]];
    return [`  ${name}`, ago(success, now), ago(failure, now), String(failures), message];
  });
  return [...lines, ...nestedTable(["  Name", "Last success", "Last error", "Count", "Message"], rows)];
}

function moduleLines({ modules }: StatusResponse, { allHealth }: StatusOptions): Line[] {
  if (modules === undefined) return [];
  const count = (state: string): number => modules.filter((module) => module.state === state).length;
  const summary = `Stopped(${count("stopped")}) Degraded(${count("degraded")}) OK(${count("ok")})`;
  const shown = modules
    .filter(({ state }) => allHealth || state !== "ok")
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const lines: Line[] = [["Modules Health:", summary]];
  if (shown.length === 0) return lines;
  const rows = shown.map(({ name, state, message = "" }, i): Line => {
    const branch = i < shown.length - 1 ? "├──" : "└──";
    return [`  ${branch} ${name}`, `[${state === "ok" ? "OK" : state.toUpperCase()}] ${message}`.trimEnd()];
  });
  return [...lines, ...nestedTable(["  agent"], rows)];
}
