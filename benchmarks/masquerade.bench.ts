// SPDX-License-Identifier: Apache-2.0
// Pods to the outside: our masquerading beside iptables' with conntrack, in turn.
// MASQUERADE_CASES (a regular expression, of names like "TCP connect/request/close, IPv4") and MASQUERADE_ROUNDS choose.
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { DualPath } from "./datapath/topologies.ts";
import { measures, Traffic } from "./datapath/traffic.ts";
import { type Benchmark, type Figures, inTurn, pairedRatio, type Ratio, type Row, ratio, row } from "./harness.ts";
import { checkMasqueraded, MasqueradePaths } from "./masquerade/paths.ts";

export const bench: Benchmark = {
  name: "masquerade",
  description: "Pods to the outside: new connections, request/response and bulk, ours beside iptables MASQUERADE",
  run,
};

/** A case named here has to be that much better than with iptables. */
const targets: Readonly<Record<string, number>> = { "TCP connect/request/close": 1.1 };

async function run(progress: (line: string) => void): Promise<Figures> {
  installIptables(progress);
  await using paths = new MasqueradePaths();
  progress("topologies");
  const variants = {
    ours: await paths.ours(),
    "iptables MASQUERADE": paths.iptables(),
    "ours, through the stack": await paths.ours({ "enable-host-legacy-routing": "true" }),
  };
  const families = { IPv4: variants, IPv6: ofIpv6(variants) };
  for (const family of Object.values(families)) for (const path of Object.values(family)) await checkMasqueraded(path);
  using traffic = new Traffic();
  for (const family of Object.values(families)) for (const path of Object.values(family)) traffic.serve(path);
  await sleep(1000);
  const chosen = new RegExp(process.env.MASQUERADE_CASES ?? "");
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  for (const [family, of] of Object.entries(families)) {
    for (const { name, unit, run: measure } of measures) {
      const title = `${name}, ${family}`;
      if (!chosen.test(title)) continue;
      progress(title);
      const samples = await inTurn(
        measured(of, (path) => measure(traffic, path)),
        Number(process.env.MASQUERADE_ROUNDS ?? 7),
      );
      for (const [variant, found] of Object.entries(samples)) rows.push(row(title, variant, unit, found));
      for (const variant of ["ours", "ours, through the stack"] as const) {
        const value = pairedRatio(samples[variant], samples["iptables MASQUERADE"]);
        const target = variant === "ours" ? (targets[name] ?? 0) : 0;
        ratios.push(ratio(`${title}: ${variant} / iptables`, value, "at least", target));
      }
    }
  }
  return { rows, ratios };
}

function ofIpv6<Paths extends Readonly<Record<string, DualPath>>>(paths: Paths): Paths {
  return Object.fromEntries(
    Object.entries(paths).map(([name, path]) => [name, { ...path, address: path.ipv6 }]),
  ) as Paths;
}

function measured<Name extends string>(
  paths: Readonly<Record<Name, DualPath>>,
  measure: (path: DualPath) => Promise<number>,
): Record<Name, () => Promise<number>> {
  const entries = Object.entries<DualPath>(paths).map(([name, path]) => [name, () => measure(path)]);
  return Object.fromEntries(entries) as Record<Name, () => Promise<number>>;
}

/** Debian's, which is not needed for anything else here. */
function installIptables(progress: (line: string) => void): void {
  try {
    execFileSync("iptables", ["--version"], { stdio: "ignore" });
  } catch {
    progress("installing iptables");
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", "iptables"], { stdio: "ignore" });
  }
}
