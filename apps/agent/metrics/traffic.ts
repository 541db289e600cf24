// SPDX-License-Identifier: Apache-2.0
// What the programs counted: packets that were dropped, passed, or are worth a number of their own.
import { Noteworthy } from "../../../src/abi/index.ts";
import type { Metrics } from "../../../src/core/index.ts";
import { type Datapath, dropReasonText, isDrop } from "../../../src/datapath/index.ts";

/** Registers them; they are read when somebody asks. */
export function registerTraffic(metrics: Metrics, datapath: Pick<Datapath, "maps">): void {
  const dropped = () => datapath.maps.metrics.list().filter(({ reason }) => isDrop(reason));
  const counted = (name: string, help: string, unit: "packets" | "bytes", wanted: number) =>
    metrics.counter({
      ...{ name, help, labels: ["direction"] },
      collect(metric) {
        const sums = new Map<string, number>();
        for (const row of datapath.maps.metrics.list().filter(({ reason }) => reason === wanted)) {
          const direction = row.direction.toUpperCase();
          sums.set(direction, (sums.get(direction) ?? 0) + Number(row[unit]));
        }
        for (const [direction, total] of sums) metric.set(total, { direction });
      },
    });
  counted("fragmented_count_total", "Fragments by direction", "packets", Noteworthy.REASON_FRAGMENT);
  counted("mtu_error_message_total", "ICMP errors that say too big", "packets", Noteworthy.REASON_MTU_ERROR);
  for (const unit of ["packets", "bytes"] as const) {
    const noun = unit === "packets" ? "count" : "bytes";
    metrics.counter({
      name: `drop_${noun}_total`,
      help: `Dropped ${unit} by reason and direction`,
      labels: ["reason", "direction"],
      collect(metric) {
        const sums = new Map<string, { reason: string; direction: string; total: number }>();
        for (const row of dropped()) {
          const [reason, direction] = [dropReasonText(row.reason), row.direction.toUpperCase()];
          const sum = sums.get(`${reason}/${direction}`) ?? { reason, direction, total: 0 };
          sums.set(`${reason}/${direction}`, { ...sum, total: sum.total + Number(row[unit]) });
        }
        for (const { total, ...labels } of sums.values()) metric.set(total, labels);
      },
    });
    counted(`forward_${noun}_total`, `Forwarded ${unit} by direction`, unit, 0);
  }
}
