// SPDX-License-Identifier: Apache-2.0
// One etcd endpoint: its HTTP/2 session, its clients, and what its last answers said.
import { create } from "@bufbuild/protobuf";
import {
  type Client,
  Code,
  type ConnectError,
  createClient,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { etcdpb } from "../../../protos/index.ts";
import { QuietSessionManager } from "./http2-session.ts";
import type { EtcdOptions } from "./options.ts";

/** The clients of one endpoint. */
export interface EtcdClients {
  readonly kv: Client<typeof etcdpb.KV>;
  readonly watch: Client<typeof etcdpb.Watch>;
  readonly lease: Client<typeof etcdpb.Lease>;
  readonly maintenance: Client<typeof etcdpb.Maintenance>;
}

/** What the last probe of an endpoint said. */
export type EndpointState =
  | { readonly kind: "unknown" }
  | { readonly kind: "up"; readonly version: string; readonly leader: boolean; readonly hasLeader: boolean }
  | { readonly kind: "down"; readonly reason: string };

/** Answers above this are refused; a list asks for fewer keys then. */
const maxAnswerBytes = 16 * 1024 * 1024;

/** An endpoint; the session connects when first used and again after it died. */
export class EtcdEndpoint {
  readonly url: string;
  readonly clients: EtcdClients;
  readonly #auth: Client<typeof etcdpb.Auth>;
  readonly #session: QuietSessionManager;
  state: EndpointState = { kind: "unknown" };

  constructor(url: string, options: EtcdOptions, token: () => string | undefined) {
    this.url = url;
    const ping = { pingIntervalMs: options.heartbeatMs, pingTimeoutMs: options.heartbeatTimeoutMs };
    this.#session = new QuietSessionManager(url, ping, { ...options.tls });
    const transport = (interceptors: Interceptor[]): Transport =>
      createGrpcTransport({
        baseUrl: url,
        sessionManager: this.#session,
        interceptors,
        acceptCompression: [],
        readMaxBytes: maxAnswerBytes,
      });
    const withToken: Interceptor = (next) => (request) => {
      const value = token();
      if (value !== undefined) request.header.set("token", value);
      return next(request);
    };
    const main = transport([withToken]);
    this.clients = {
      kv: createClient(etcdpb.KV, main),
      watch: createClient(etcdpb.Watch, main),
      lease: createClient(etcdpb.Lease, main),
      maintenance: createClient(etcdpb.Maintenance, main),
    };
    this.#auth = createClient(etcdpb.Auth, transport([]));
  }

  /** A token for the user; rejects with etcd's words. */
  async authenticate(user: { name: string; password: string }, timeoutMs: number): Promise<string> {
    return (await this.#auth.authenticate(create(etcdpb.AuthenticateRequestSchema, user), { timeoutMs })).token;
  }

  /**
   * After a call's failure: gives up a connection that did not come about in the call's whole time. The kernel asks a
   * host that was away again only up to two minutes after it is back; the next call asks at once.
   */
  giveUpConnecting(error: ConnectError): void {
    if (error.code === Code.DeadlineExceeded && this.#session.state() === "connecting") this.#session.abort();
  }

  /** Closes the session with all its streams; the next call opens a new one. */
  disconnect(): void {
    this.#session.abort();
  }
}
