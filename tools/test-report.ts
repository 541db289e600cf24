// SPDX-License-Identifier: Apache-2.0
// Several runs of node's test runner shown as one: spec output, the skips with their reasons, node's totals at the end.

import { relative } from "node:path";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec as SpecReporter } from "node:test/reporters";

/** The numbers that node's runner ends with, in its order. */
const TOTALS = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo", "duration_ms"] as const;
const TOTAL_LINE = new RegExp(`^(${TOTALS.join("|")}) (\\d+(?:\\.\\d+)?)$`);

export type RunOptions = NonNullable<Parameters<typeof run>[0]>;

export interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly file?: string;
    readonly nesting?: number;
    readonly message?: string;
    readonly skip?: string | boolean;
  };
}

/** Collects the events of all runs. */
export class TestReport {
  readonly #root: string;
  readonly #start = performance.now();
  readonly #events = new PassThrough({ objectMode: true });
  readonly #totals = new Map<string, number>();
  readonly #skips: string[] = [];
  readonly #failed = new Set<string>();
  readonly #written: Promise<void>;

  /** `root` is taken off the paths of files. */
  constructor(root: string) {
    this.#root = root;
    const reporter = new SpecReporter();
    this.#written = finished(reporter);
    this.#events.pipe(reporter).pipe(process.stdout, { end: false });
  }

  /** Whether no test failed or was cancelled, and at least one ran. */
  get passed(): boolean {
    const total = (name: string) => this.#totals.get(name) ?? 0;
    return total("fail") === 0 && total("cancelled") === 0 && total("tests") > 0;
  }

  /** Paths of the files with a test that failed, in the order of their failures. */
  get failedFiles(): readonly string[] {
    return [...this.#failed];
  }

  /** Takes one event of a run; the run's own totals are added up instead of shown. */
  add(event: TestEvent): void {
    const { type, data } = event;
    if (type === "test:summary") return;
    if (type === "test:diagnostic" && data.file === undefined && data.nesting === 0) {
      const match = TOTAL_LINE.exec(data.message ?? "");
      if (match !== null) {
        const [, name = "", value = "0"] = match;
        this.#totals.set(name, (this.#totals.get(name) ?? 0) + Number(value));
        return;
      }
    }
    if (type === "test:pass" && data.skip !== undefined && data.skip !== false) {
      const reason = typeof data.skip === "string" && data.skip !== "" ? data.skip : "no reason given";
      this.#skips.push(`${relative(this.#root, data.file ?? "")}: ${data.name}: ${reason}`);
    }
    if (type === "test:fail" && data.file !== undefined) this.#failed.add(data.file);
    this.#events.write(event);
  }

  /** Ends the output; resolves when it is written. */
  async finish(): Promise<void> {
    for (const skip of this.#skips) this.#diagnostic(`skipped: ${skip}`);
    // Runs that went side by side took less than their sum.
    this.#totals.set("duration_ms", Math.round(performance.now() - this.#start));
    for (const name of TOTALS) this.#diagnostic(`${name} ${this.#totals.get(name) ?? 0}`);
    this.#events.end();
    await this.#written;
  }

  #diagnostic(message: string): void {
    this.#events.write({ type: "test:diagnostic", data: { nesting: 0, message, level: "info" } });
  }
}

/** Runs test files, each in a process of its own, into the report. */
export async function runTestFiles(report: TestReport, options: RunOptions): Promise<void> {
  for await (const event of run({ ...options, isolation: "process" })) report.add(event);
}

/** The same without a report: the events of runs at the same time must not mix, so they are added when one has ended. */
export async function collectTestFiles(options: RunOptions): Promise<readonly TestEvent[]> {
  const events: TestEvent[] = [];
  for await (const event of run({ ...options, isolation: "process" })) events.push(event);
  return events;
}
