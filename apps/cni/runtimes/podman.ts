// SPDX-License-Identifier: Apache-2.0
// A container's labels from podman's service (`podman.socket`). While podman starts a container it holds its lock, and
// inspecting waits for the end of that; the event of its creation, which has the labels, can be read.
import { request } from "node:http";
import { text } from "node:stream/consumers";
import type { RuntimeContainer } from "../labels.ts";

const timeout = 10_000;
/** What the event's attributes hold beside labels. */
const notLabels: readonly string[] = ["containerExitCode", "image", "name", "podId"];

interface CreateEvent {
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
}

/** Undefined when podman's events do not go back to the container's creation. Throws when nobody answers at `socket`. */
export async function podmanContainer(socket: string, id: string): Promise<RuntimeContainer | undefined> {
  const filters = JSON.stringify({ type: ["container"], event: ["create"], container: [id] });
  const query = new URLSearchParams({ stream: "false", since: "0", filters });
  const body = await get(socket, `/v4.0.0/libpod/events?${query}`);
  const events = body.split("\n").flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line) as CreateEvent]));
  const created = events.findLast(({ Actor }) => Actor?.ID === id);
  if (created === undefined) return undefined;
  const attributes = Object.entries(created.Actor?.Attributes ?? {});
  return { labels: Object.fromEntries(attributes.filter(([key]) => !notLabels.includes(key))) };
}

async function get(socketPath: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const call = request({ socketPath, path, timeout }, (response) => {
    text(response).then((body) => {
      if (response.statusCode === 200) resolve(body);
      else reject(new Error(`status ${response.statusCode}: ${body.slice(0, 200)}`));
    }, reject);
  });
  call.on("timeout", () => call.destroy(new Error(`no answer after ${timeout / 1000} s`)));
  call.on("error", reject);
  call.end();
  return await promise;
}
