// SPDX-License-Identifier: Apache-2.0
// Named ports of pods, by identity.
import type { NamedPort } from "../types.ts";

const none: readonly NamedPort[] = [];

/** The named ports of each identity's pods. Pods of one identity count together: a name may have several numbers. */
export class NamedPorts {
  readonly #ports = new Map<number, readonly NamedPort[]>();

  of(identity: number): readonly NamedPort[] {
    return this.#ports.get(identity) ?? none;
  }

  /** Identities with any named port. */
  identities(): Iterable<number> {
    return this.#ports.keys();
  }

  /** Whether that changed anything. */
  set(identity: number, ports: readonly NamedPort[]): boolean {
    const distinct = new Map(ports.map((port) => [`${port.name}/${port.protocol}/${port.port}`, port]));
    const sorted = [...distinct].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
    if (JSON.stringify(sorted) === JSON.stringify(this.of(identity))) return false;
    if (sorted.length === 0) this.#ports.delete(identity);
    else this.#ports.set(identity, sorted);
    return true;
  }
}
