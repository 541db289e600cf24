// SPDX-License-Identifier: Apache-2.0
// Asks the allocator for the identities of endpoints, again and again while it cannot be reached.
import { type Clock, createLogger, type Labels, toError } from "../core/index.ts";
import type { IdentityAllocator } from "../identity/index.ts";

const log = createLogger("endpoint-identity");
const minRetryMs = 100;
const maxRetryMs = 5000;

interface Request {
  readonly labels: Labels;
  attempts: number;
  error: string | undefined;
  timer: Disposable | undefined;
}

/** One outstanding request an endpoint; a newer one replaces it, and its late answer is given back. */
export class IdentityRequests {
  readonly #allocator: Pick<IdentityAllocator, "allocate" | "release">;
  readonly #clock: Clock;
  readonly #done: (endpointId: number, identity: number) => void;
  readonly #requests = new Map<number, Request>();

  constructor(
    allocator: Pick<IdentityAllocator, "allocate" | "release">,
    clock: Clock,
    done: (endpointId: number, identity: number) => void,
  ) {
    this.#allocator = allocator;
    this.#clock = clock;
    this.#done = done;
  }

  request(endpointId: number, labels: Labels): void {
    this.cancel(endpointId);
    const request: Request = { labels, attempts: 0, error: undefined, timer: undefined };
    this.#requests.set(endpointId, request);
    void this.#ask(endpointId, request);
  }

  cancel(endpointId: number): void {
    this.#requests.get(endpointId)?.timer?.[Symbol.dispose]();
    this.#requests.delete(endpointId);
  }

  /** Gives one reference back, in the background. */
  release(identity: number): void {
    this.#allocator.release(identity).catch((thrown: unknown) => {
      log.warn("Cannot release an identity, its lease will", { identity, error: toError(thrown).message });
    });
  }

  /** Why the endpoint has no identity yet, or undefined when nothing is outstanding. */
  waitingFor(endpointId: number): string | undefined {
    const request = this.#requests.get(endpointId);
    if (request === undefined) return undefined;
    return request.error === undefined ? "an identity" : `an identity (${request.error})`;
  }

  stop(): void {
    for (const id of [...this.#requests.keys()]) this.cancel(id);
  }

  async #ask(endpointId: number, request: Request): Promise<void> {
    let identity: number;
    try {
      identity = (await this.#allocator.allocate(request.labels)).id;
    } catch (thrown) {
      this.#failed(endpointId, request, toError(thrown).message);
      return;
    }
    if (this.#requests.get(endpointId) !== request) {
      this.release(identity);
      return;
    }
    this.#requests.delete(endpointId);
    this.#done(endpointId, identity);
  }

  #failed(endpointId: number, request: Request, error: string): void {
    if (this.#requests.get(endpointId) !== request) return;
    if (error !== request.error) log.warn("Cannot allocate an identity, trying again", { endpoint: endpointId, error });
    request.error = error;
    const delay = Math.min(maxRetryMs, minRetryMs * 2 ** request.attempts++);
    request.timer = this.#clock.after(delay, () => void this.#ask(endpointId, request));
  }
}
