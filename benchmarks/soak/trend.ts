// SPDX-License-Identifier: Apache-2.0
// Whether a quantity grows: a straight line through samples, and how far it moved over the run. Pure.

/** One look at a quantity; `at` in seconds since the start. */
export interface Sample {
  readonly at: number;
  readonly value: number;
}

export interface Trend {
  readonly mean: number;
  /** Units of the value an hour. */
  readonly perHour: number;
  /** How far the line rises from the first sample to the last, less what chance explains (two standard errors). */
  readonly growth: number;
  readonly n: number;
}

/** The least-squares line; with fewer than three samples, or all at one time, nothing can be told (NaN). */
export function trend(samples: readonly Sample[]): Trend {
  const n = samples.length;
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / n;
  const middle = samples.reduce((sum, { at }) => sum + at, 0) / n;
  const spread = samples.reduce((sum, { at }) => sum + (at - middle) ** 2, 0);
  if (n < 3 || spread === 0) return { mean, perHour: Number.NaN, growth: Number.NaN, n };
  const slope = samples.reduce((sum, { at, value }) => sum + (at - middle) * (value - mean), 0) / spread;
  const rest = samples.reduce((sum, { at, value }) => sum + (value - mean - slope * (at - middle)) ** 2, 0);
  const error = Math.sqrt(rest / (n - 2) / spread);
  const span = Math.max(...samples.map(({ at }) => at)) - Math.min(...samples.map(({ at }) => at));
  return { mean, perHour: slope * 3600, growth: Math.max(0, (slope - 2 * error) * span), n };
}

/** Samples after the warm-up, `share` of the run but at most `most` seconds of it. */
export function afterWarmUp(samples: readonly Sample[], share: number, most: number): readonly Sample[] {
  const end = samples.at(-1)?.at ?? 0;
  return samples.filter(({ at }) => at >= Math.min(end * share, most));
}
