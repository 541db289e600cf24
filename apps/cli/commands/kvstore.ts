// SPDX-License-Identifier: Apache-2.0
// kvstore: keys of the store that the agent uses, or of another one.
import { CiliumError } from "../../../src/core/index.ts";
import { type KvEntry, type Kvstore, openKvstore } from "../../../src/kvstore/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, listOption, textOption } from "../define.ts";
import { UsageError } from "../errors.ts";

/** Milliseconds for a command as a whole. */
const TIMEOUT = 30_000;

const storeOptions = {
  options: [["--kvstore <kind>", "kind of the store (default: the agent's)"]],
  repeated: [["--kvstore-opt <option>", "NAME=VALUE of the store, such as etcd.address=URL (default: the agent's)"]],
} as const satisfies Pick<CommandSpec, "options" | "repeated">;

export const kvstore: CommandSpec = {
  usage: "kvstore",
  summary: "Direct access to the key-value store",
  commands: [
    {
      usage: "get [key]",
      summary: "Show a key, or with --recursive all that begin with it",
      options: [...storeOptions.options, ["--recursive", "all keys with this prefix"]],
      repeated: storeOptions.repeated,
      run: (context, call) => withStore(context, call, (store) => get(context, call, store)),
    },
    {
      usage: "set [key]",
      summary: "Write a key",
      options: [...storeOptions.options, ["--key <key>", "the key"], ["--value <value>", "its value"]],
      repeated: storeOptions.repeated,
      plain: true,
      run: async (context, call) => {
        const key = textOption(call, "key") ?? call.args[0];
        if (key === undefined || key === "") throw new UsageError("Cannot write key: give --key");
        const value = textOption(call, "value") ?? "";
        await withStore(context, call, async (store) => void (await store.put(key, value)));
      },
    },
    {
      usage: "delete <key>",
      summary: "Delete a key, or with --recursive all that begin with it",
      options: [...storeOptions.options, ["--recursive", "all keys with this prefix"]],
      repeated: storeOptions.repeated,
      plain: true,
      run: (context, call) =>
        withStore(context, call, async (store) => {
          const key = call.args[0] ?? "";
          if (flag(call, "recursive")) await store.deletePrefix(key);
          else await store.delete(key);
        }),
    },
  ],
};

async function get(context: Context, call: Call, store: Kvstore): Promise<void> {
  const key = call.args[0] ?? "";
  if (flag(call, "recursive")) {
    const { items } = await store.list(key);
    const model = Object.fromEntries(items.map((entry) => [entry.key, modelOf(entry)]));
    await context.result(model, () => items.map((entry) => `${entry.key} => ${entry.value}`));
    return;
  }
  const entry = await store.get(key);
  if (entry === undefined) throw new CiliumError(`key ${key} is not found`);
  await context.result(entry.value, () => [`${key} => ${entry.value}`]);
}

/** Field names that scripts read; the data is base64, as Go writes bytes. */
function modelOf({ value, modRevision, lease }: KvEntry): Record<string, unknown> {
  return { Data: Buffer.from(value).toString("base64"), ModRevision: modRevision, LeaseID: lease, SessionID: "" };
}

/** Opens the store that the options name, else the agent's; closed in any case. */
async function withStore(context: Context, call: Call, use: (store: Kvstore) => Promise<void>): Promise<void> {
  const store = openKvstore(await storeConfig(context, call));
  // A timer of its own, for that of AbortSignal.timeout() keeps no program alive, and waiting to connect does not either.
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), TIMEOUT);
  const signal = AbortSignal.any([context.io.signal, deadline.signal]);
  try {
    await store.connected(signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw new CiliumError(`Cannot reach the key-value store: ${store.status().message} (see --kvstore-opt)`);
    });
    await use(store);
  } finally {
    clearTimeout(timer);
    await store.close({ revoke: true });
  }
}

async function storeConfig(context: Context, call: Call): Promise<Parameters<typeof openKvstore>[0]> {
  const kind = textOption(call, "kvstore");
  const given = listOption(call, "kvstoreOpt").map((text): [string, string] => {
    const at = text.indexOf("=");
    if (at <= 0) throw new UsageError(`Cannot use --kvstore-opt "${text}": not NAME=VALUE`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  if (kind !== undefined && given.length > 0) return { kind, options: Object.fromEntries(given) };
  const { kvstoreConfiguration: agents } = (await context.client().getConfig()).status;
  const wanted = kind ?? agents?.type ?? "memory";
  if (wanted === "memory") {
    throw new CiliumError("Cannot reach the key-value store: the agent has none (kvstore=memory; see --kvstore)");
  }
  return { kind: wanted, options: given.length > 0 ? Object.fromEntries(given) : { ...agents?.options } };
}
