// SPDX-License-Identifier: Apache-2.0
// A workload: asks echo servers on TCP and UDP without a pause, and on SIGTERM prints what was answered (JSON).
// New connections and datagrams in turn over all targets, and one TCP connection to each that lives all the time.
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";

export interface AskerPlan {
  readonly targets: readonly string[];
  readonly port: number;
  /** Milliseconds between two questions. */
  readonly every: number;
  /** Milliseconds after which a question counts as not answered. */
  readonly timeout: number;
  /** Keep connections open as well. */
  readonly longLived: boolean;
}

/** Counts of questions. `slow`: answered after more than 900 ms, so that something was sent twice. */
export interface AskerReport {
  readonly asked: number;
  readonly answered: number;
  readonly slow: number;
  /** Up to 20 of those that were not answered. */
  readonly unanswered: readonly string[];
}

const slowMs = 900;
const longLivedEvery = 1000;

class Asker {
  readonly #plan: AskerPlan;
  #asked = 0;
  #answered = 0;
  #slow = 0;
  readonly #unanswered: string[] = [];
  #open = 0;
  #stopped = false;

  constructor(plan: AskerPlan) {
    this.#plan = plan;
  }

  /** Asks until stop(); a slow answer does not hold up the next question. */
  run(): void {
    const { targets, every, longLived } = this.#plan;
    let turn = 0;
    const timer = setInterval(() => {
      if (this.#stopped) return clearInterval(timer);
      const ip = targets[(turn >> 1) % targets.length] ?? "";
      if (turn++ % 2 === 0) this.#askTcp(ip);
      else this.#askUdp(ip);
    }, every);
    if (longLived) for (const ip of targets) this.#keepAsking(ip);
  }

  /** Resolves when the last question is answered or given up. */
  async stop(): Promise<AskerReport> {
    this.#stopped = true;
    while (this.#open > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return { asked: this.#asked, answered: this.#answered, slow: this.#slow, unanswered: this.#unanswered };
  }

  /** Begins a question; the result says how it ended, once. */
  #begin(what: string): (answered: boolean, why?: string) => void {
    this.#asked++;
    this.#open++;
    const since = performance.now();
    const timer = setTimeout(() => end(false, "no answer"), this.#plan.timeout);
    let done = false;
    const end = (answered: boolean, why = ""): void => {
      if (done) return;
      done = true;
      this.#open--;
      clearTimeout(timer);
      if (answered) this.#answered++;
      else if (this.#unanswered.length < 20) this.#unanswered.push(`${new Date().toISOString()} ${what}: ${why}`);
      if (answered && performance.now() - since > slowMs) this.#slow++;
    };
    return end;
  }

  #askTcp(ip: string): void {
    const { port, timeout } = this.#plan;
    const end = this.#begin(`TCP ${ip}`);
    const socket = connect({ host: ip, port, timeout }, () => socket.write("hello"));
    const close = (answered: boolean, why?: string): void => {
      socket.destroy();
      end(answered, why);
    };
    socket.on("data", (data) => close(data.toString() === "hello", "wrong answer"));
    socket.on("timeout", () => close(false, "no answer"));
    socket.on("error", (error) => close(false, error.message));
    socket.on("end", () => close(false, "closed"));
  }

  #askUdp(ip: string): void {
    const { port, timeout } = this.#plan;
    const end = this.#begin(`UDP ${ip}`);
    const socket = createSocket(ip.includes(":") ? "udp6" : "udp4");
    const close = (answered: boolean, why?: string): void => {
      clearTimeout(timer);
      socket.removeAllListeners().on("error", () => socket.unref());
      socket.close();
      end(answered, why);
    };
    const timer = setTimeout(close, timeout, false, "no answer");
    socket.once("message", (data) => close(data.toString() === "hello", "wrong answer"));
    socket.once("error", (error) => close(false, error.message));
    socket.connect(port, ip, () => socket.send("hello"));
  }

  /** One connection for the whole run; when it breaks that is a failure, and another is opened. */
  #keepAsking(ip: string): void {
    const socket: Socket = connect({ host: ip, port: this.#plan.port });
    let end: ((answered: boolean, why?: string) => void) | undefined;
    const timer = setInterval(() => {
      if (this.#stopped && end === undefined) return over("stopped");
      if (end !== undefined || socket.connecting || this.#stopped) return;
      end = this.#begin(`TCP ${ip}, connection that lives`);
      socket.write("x");
    }, longLivedEvery);
    const over = (why: string): void => {
      clearInterval(timer);
      end?.(false, why);
      socket.destroy();
      if (!this.#stopped) setTimeout(() => this.#keepAsking(ip), longLivedEvery);
    };
    socket.on("data", () => {
      end?.(true);
      end = undefined;
    });
    socket.once("error", (error) => over(error.message));
    socket.once("end", () => over("closed"));
  }
}

if (import.meta.main) {
  const asker = new Asker(JSON.parse(process.argv[2] ?? "{}") as AskerPlan);
  asker.run();
  process.once("SIGTERM", async () => {
    const report = JSON.stringify(await asker.stop());
    process.stdout.write(report, () => process.exit(0));
  });
  // From now on it may be told to stop.
  process.stdout.write("\n");
}
