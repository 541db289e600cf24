// SPDX-License-Identifier: Apache-2.0
// Looks at a node's kernel state in a tight loop, from a process of its own, and tells what was wrong at any moment.
// Arguments: network namespace, BPF root, state folder, ids of the endpoints that have to be there all the time.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openPinnedMaps, type PolicyMapRow } from "../../src/datapath/index.ts";
import { BpfLink, BpfMap, BpfProgram, withNetns } from "../../src/kernel/index.ts";

export interface WatchReport {
  readonly rounds: number;
  /** Milliseconds of the longest round: what lasted longer was seen. */
  readonly longest: number;
  /** What was wrong, each once, with the first round that saw it. */
  readonly findings: readonly string[];
  /** How many different values were seen: of the maps' ids, and of the programs on endpoints' hooks. */
  readonly mapIds: number;
  readonly programIds: number;
}

const mapNames = ["cilium_lxc", "cilium_endpoints", "cilium_ct4_global", "cilium_ct6_global", "cilium_ipcache_v2"];
const hooks = ["cil_from_container", "cil_to_container"];

class Watch {
  readonly #bpf: string;
  readonly #state: string;
  readonly #endpoints: readonly number[];
  readonly #findings = new Map<string, number>();
  readonly #mapIds = new Set<string>();
  readonly #programIds = new Set<number>();
  #rounds = 0;
  #longest = 0;

  constructor(bpf: string, state: string, endpoints: readonly number[]) {
    this.#bpf = bpf;
    this.#state = state;
    this.#endpoints = endpoints;
  }

  round(): void {
    const start = performance.now();
    for (const look of [this.#maps, this.#contents, this.#links, this.#stored]) {
      try {
        look.call(this);
      } catch (error) {
        this.#found(`${look.name}: ${error}`);
      }
    }
    this.#rounds++;
    this.#longest = Math.max(this.#longest, performance.now() - start);
  }

  report(): WatchReport {
    return {
      rounds: this.#rounds,
      longest: Math.round(this.#longest),
      findings: [...this.#findings].map(([finding, round]) => `${finding} (round ${round})`),
      mapIds: this.#mapIds.size,
      programIds: this.#programIds.size,
    };
  }

  #found(what: string): void {
    if (!this.#findings.has(what)) this.#findings.set(what, this.#rounds);
  }

  #maps(): void {
    const root = join(this.#bpf, "tc/globals");
    for (const name of mapNames) {
      using map = BpfMap.openPinned(join(root, name));
      this.#mapIds.add(`${name} ${map.id}`);
    }
  }

  /** Endpoints are known, have their addresses, the policy that they need, and a flow at least. */
  #contents(): void {
    using maps = openPinnedMaps(this.#bpf);
    const slots = new Map(this.#endpoints.map((id) => [id, maps.endpoints.get(id)]));
    const addresses = maps.lxc.list();
    const rules = Map.groupBy(maps.policy.list(), (row: PolicyMapRow) => row.set);
    // Sets go only after no slot names them: slots read before and after bracket the rules.
    for (const id of this.#endpoints) {
      const slot = slots.get(id);
      if (slot === undefined || !slot.ready) this.#found(`endpoint ${id} has no slot`);
      if (!addresses.some((row) => row.endpointId === id)) this.#found(`endpoint ${id} has no address`);
      const now = maps.endpoints.get(id);
      if (slot === undefined || now === undefined || slot.ingressSet !== now.ingressSet) continue;
      if (slot.enforceIngress && !rules.has(slot.ingressSet)) this.#found(`endpoint ${id} names a set without rules`);
    }
    using flows = BpfMap.openPinned(join(this.#bpf, "tc/globals/cilium_ct4_global"));
    if (flows.keys().next().done === true) this.#found("no flows");
    if (maps.nodes.list().length === 0) this.#found("no nodes");
    if (maps.ipcache.list().length < 2) this.#found("no ipcache");
  }

  /** Each hook has a live program whose tail calls lead somewhere. */
  #links(): void {
    for (const id of this.#endpoints) {
      for (const hook of hooks) {
        using link = BpfLink.openPinned(join(this.#bpf, "cilium/endpoints", String(id), "links", hook));
        const { ifindex, programId } = link.info();
        if (ifindex === 0) this.#found(`${hook} of endpoint ${id} is off`);
        this.#programIds.add(programId);
        const empty = emptySlots(programId);
        // The program may have been replaced, and its tail calls have gone, between the two looks.
        if (empty > 0 && link.info().programId === programId) this.#found(`${hook} of endpoint ${id} leads nowhere`);
      }
    }
  }

  #stored(): void {
    for (const id of this.#endpoints) {
      JSON.parse(readFileSync(join(this.#state, "state", String(id), "endpoint.json"), "utf8"));
    }
    if (!readdirSync(this.#state).includes("state")) this.#found("no state folder");
  }
}

function emptySlots(programId: number): number {
  let maps: number[];
  try {
    using program = BpfProgram.fromId(programId);
    maps = program.mapIds();
  } catch {
    return 1;
  }
  let empty = 1;
  for (const id of maps) {
    using map = BpfMap.fromId(id);
    if (map.type !== "prog_array") continue;
    empty = [0, 1].filter((slot) => map.lookup(new Uint8Array([slot, 0, 0, 0])) === undefined).length;
  }
  return empty;
}

function run([netns = "", bpf = "", state = "", ids = ""]: readonly string[]): void {
  const watch = new Watch(bpf, state, ids.split(",").map(Number));
  let ended = false;
  process.once("SIGTERM", () => {
    ended = true;
  });
  const look = () => {
    if (ended) {
      process.stdout.write(JSON.stringify(watch.report()), () => process.exit(0));
      return;
    }
    withNetns(netns, () => watch.round());
    setTimeout(look, 1);
  };
  look();
  // The first line: it watches.
  process.stdout.write("\n");
}

if (import.meta.main) run(process.argv.slice(2));
