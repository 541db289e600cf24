// SPDX-License-Identifier: Apache-2.0
// Says when the kernel's state may have changed: soon after a notification, and at a steady beat for what has none.
import { monitorNetlink, type NetlinkEvent, type NetlinkGroup } from "../kernel/index.ts";

export interface WatchOptions {
  /** Whether filters are told of too. Default false. */
  readonly filters?: boolean;
  /** Hears of every event. */
  readonly onEvent?: (event: NetlinkEvent) => void;
  /** Whether an event is worth a look. */
  readonly relevant: (event: NetlinkEvent) => boolean;
  readonly onChange: () => void;
  /** Default: onChange. */
  readonly onBeat?: () => void;
  /** Milliseconds between beats: detached programs and sysctls have no notification. */
  readonly beat: number;
  /** Milliseconds that a burst of events is gathered. */
  readonly gather: number;
}

const groups: readonly NetlinkGroup[] = ["link", "address", "route"];

/** Watches the namespace of the calling thread until disposed. */
export function watchKernel(options: WatchOptions): Disposable {
  let pending: NodeJS.Timeout | undefined;
  const look = () => {
    pending = undefined;
    options.onChange();
  };
  const monitor = monitorNetlink({
    groups: options.filters === true ? [...groups, "filter"] : groups,
    onEvents: (batch) => {
      if (options.onEvent !== undefined) for (const event of batch) options.onEvent(event);
      if (pending !== undefined || !batch.some((event) => event.kind === "resync" || options.relevant(event))) return;
      pending = setTimeout(look, options.gather);
    },
  });
  const beat = setInterval(options.onBeat ?? options.onChange, options.beat);
  return {
    [Symbol.dispose]() {
      clearTimeout(pending);
      clearInterval(beat);
      monitor[Symbol.dispose]();
    },
  };
}
