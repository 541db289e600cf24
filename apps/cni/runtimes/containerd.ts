// SPDX-License-Identifier: Apache-2.0
// A container's labels from containerd. Its clients (ctr, nerdctl) call plugins with NAMESPACE-CONTAINER as container id.
import { createConnection } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { containerspb } from "../../../src/protos/index.ts";
import type { RuntimeContainer } from "../labels.ts";

const timeoutMs = 10_000;

/** Undefined when no namespace has such a container. Throws when nobody answers at `socket`. */
export async function containerdContainer(socket: string, id: string): Promise<RuntimeContainer | undefined> {
  const sessions = new Set<{ destroy(): void }>();
  const createSocket = () => {
    const connection = createConnection({ path: socket });
    sessions.add(connection);
    return connection;
  };
  const transport = createGrpcTransport({
    baseUrl: "http://containerd",
    nodeOptions: { createConnection: createSocket },
  });
  const client = createClient(containerspb.Containers, transport);
  try {
    for (const [namespace, name] of splits(id)) {
      const found = await find(client, namespace, name);
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    for (const session of sessions) session.destroy();
  }
}

/** Namespaces and ids that it may be. Both may have dashes: shorter namespaces first, `default` for a bare id. */
function splits(id: string): [string, string][] {
  const dashes = [...id.matchAll(/-/g)].map(({ index }) => index).filter((at) => at > 0 && at < id.length - 1);
  const parts = dashes.slice(0, 8).map((at): [string, string] => [id.slice(0, at), id.slice(at + 1)]);
  return [...parts, ["default", id]];
}

async function find(
  client: ReturnType<typeof createClient<typeof containerspb.Containers>>,
  namespace: string,
  id: string,
): Promise<RuntimeContainer | undefined> {
  try {
    const headers = { "containerd-namespace": namespace };
    const { container } = await client.get({ id }, { headers, timeoutMs });
    return container === undefined ? undefined : { labels: container.labels, namespace };
  } catch (error) {
    if (error instanceof ConnectError && (error.code === Code.NotFound || error.code === Code.InvalidArgument)) {
      return undefined;
    }
    throw error;
  }
}
