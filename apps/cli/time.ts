// SPDX-License-Identifier: Apache-2.0
// Times as people read them.

/** "12s ago", "3m5s ago", "2h0m1s ago"; "never" for no or an unreadable time. */
export function ago(time: string | undefined, now: number): string {
  const at = Date.parse(time ?? "");
  return Number.isNaN(at) || at <= 0 ? "never" : `${duration(now - at)} ago`;
}

/** Milliseconds as "1h2m3s"; below zero is "0s". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

/** "20260102-120000", in UTC: part of a file's name. */
export function timestamp(now: number): string {
  const [date = "", time = ""] = new Date(now).toISOString().split("T");
  return `${date.replaceAll("-", "")}-${time.slice(0, 8).replaceAll(":", "")}`;
}
