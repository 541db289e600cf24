// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 session of an endpoint: connect-node's manager, made safe against late errors.
import type { ClientHttp2Stream, Http2Session } from "node:http2";
import { Http2SessionManager } from "@connectrpc/connect-node";

type Request = Http2SessionManager["request"];

/**
 * The manager takes its listeners off a session that it has given up, while Node still emits the session's error on the
 * next turn (seen when a PING timed out and a request came in between): without a listener that ends the process. So each
 * session gets one that stays.
 */
export class QuietSessionManager extends Http2SessionManager {
  readonly #known = new WeakSet<Http2Session>();

  override async request(...args: Parameters<Request>): Promise<ClientHttp2Stream> {
    const stream = await super.request(...args);
    const { session } = stream;
    if (session !== undefined && !this.#known.has(session)) {
      this.#known.add(session);
      // The manager and the streams report the error; here it only has to be heard.
      session.on("error", () => {});
    }
    return stream;
  }
}
