// SPDX-License-Identifier: Apache-2.0
// What endpoints need of the rest of the agent.
import type { Clock, Labels, ReconcilerMetrics } from "../core/index.ts";
import type { Datapath, Direction, PolicyMapPort } from "../datapath/index.ts";
import type { IdentityAllocator } from "../identity/index.ts";
import type { EndpointDefaults } from "./agent-switch.ts";
import type { DeviceOfEndpoint, EndpointRow } from "./types.ts";

/** What a policy says of each peer in one direction. It follows identities: read it, do not keep copies. */
export interface PeerPorts {
  /** Entries by peer (0: anybody); peers that are treated alike share an object, which never changes. */
  readonly groups: ReadonlyMap<number, ReadonlyMap<number, PolicyMapPort>>;
  /** Grows with each change. */
  readonly version: number;
  /** Peers that changed since a version; undefined when that is not known any more. */
  changedSince(version: number): Iterable<number> | undefined;
}

/** The policy of one identity, resolved. */
export interface ResolvedEndpointPolicy {
  /** Of the policy repository. */
  readonly revision: number;
  readonly ingressEnforced: boolean;
  readonly egressEnforced: boolean;
  /** The same objects while the policy stays. */
  readonly peers: Readonly<Record<Direction, PeerPorts>>;
}

/** The address announcements of local endpoints. Idempotent; never blocks on the key-value store. */
export interface EndpointAnnouncer {
  announce(row: EndpointRow): void;
  withdraw(row: EndpointRow): void;
}

/** Addresses of endpoints. */
export interface EndpointAddressPool {
  /** Takes an address that is in use already. Throws when another owner has it. */
  take(address: string, owner: string): void;
  release(address: string): void;
}

/** The part of the datapath that endpoints use. */
export type EndpointDatapath = Pick<
  Datapath,
  "attachEndpoint" | "detachEndpoint" | "ensureEndpointAttached" | "attachedEndpoints" | "expectEndpoints"
> & {
  readonly maps: Pick<Datapath["maps"], "endpoints" | "lxc" | "policy"> & {
    readonly runtimeConfig: Pick<Datapath["maps"]["runtimeConfig"], "setOwnMonitors">;
  };
};

export interface EndpointDeps {
  readonly datapath: EndpointDatapath;
  readonly allocator: Pick<IdentityAllocator, "allocate" | "release">;
  readonly addresses: EndpointAddressPool;
  readonly announcer: EndpointAnnouncer;
  /** Resolves with what is known now. Throws when the endpoint's policy cannot be computed (the last good one stays). */
  readonly resolvePolicy: (labels: Labels, identity: number) => ResolvedEndpointPolicy;
  /** Name of the policy whose rule a cookie stands for; undefined: of none. */
  readonly policyOf?: (cookie: number) => string | undefined;
  /** Whether the endpoint's device is (still) there. */
  readonly deviceExists: (device: DeviceOfEndpoint) => boolean;
  readonly clock: Clock;
  readonly metrics?: ReconcilerMetrics;
}

export interface EndpointConfig extends EndpointDefaults {
  /** Folder of the endpoints' folders, `<state-dir>/state`. */
  readonly directory: string;
}
