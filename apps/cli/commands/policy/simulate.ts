// SPDX-License-Identifier: Apache-2.0
// policy simulate: what the policies of files do to flows, by the agent's own engine, without an agent.
import { CiliumError } from "../../../../src/core/index.ts";
import type { PolicyCase } from "../../../../src/policy/index.ts";
import type { Context } from "../../context.ts";
import { type Call, type CommandSpec, flag, textOption } from "../../define.ts";
import { ExitError, UsageError } from "../../errors.ts";
import { neutraliseJson } from "../../output/escape.ts";
import { alignTable } from "../../output/table.ts";
import { readInput, shownName } from "./read.ts";

export const simulate: CommandSpec = {
  usage: "simulate",
  summary: "Answer flows by policies from files, without an agent",
  options: [
    ["--cases <file>", "cases in the form policy-vectors/1 (- is standard input)"],
    ["--check", "compare with the values that the cases expect; exit 1 when any differs"],
    ["--manifests <file...>", "one question: files with pods, namespaces, nodes and policies"],
    ["--from <pod>", "the question's source: [NAMESPACE/]POD, an address or an entity"],
    ["--to <end>", "its destination: [NAMESPACE/]POD, an address or an entity"],
    ["--port <port>", "its port, such as 80/TCP or 8/ICMP"],
    ["-o, --output <format>", "json (a line each case) or table"],
  ],
  plain: true,
  run: async (context, call) => {
    const cases = textOption(call, "cases");
    const manifests = call.options.manifests;
    if ((cases === undefined) === (manifests === undefined)) {
      throw new UsageError("Cannot simulate: give either --cases or --manifests");
    }
    if (cases === undefined) await answerQuestion(context, call, manifests as readonly string[]);
    else if (flag(call, "check")) await checkCases(context, cases);
    else await answerCases(context, cases);
  },
};

async function readFile(context: Context, file: string): Promise<readonly PolicyCase[]> {
  const { readCases } = await import("../../../../src/policy/index.ts");
  return readCases(await readInput(context, file), shownName(file));
}

async function answerCases(context: Context, file: string): Promise<void> {
  const { caseOutput, flowRows, simulateCase } = await import("../../../../src/policy/index.ts");
  const rows: string[][] = [];
  for (const vector of await readFile(context, file)) {
    const answer = simulateCase(vector);
    if (context.structured) printJson(context, caseOutput(answer));
    else {
      context.print(answer.rejected.map(({ message }) => `${vector.id}: ${message}`));
      rows.push(...flowRows(vector, answer));
    }
  }
  if (!context.structured) context.print(alignTable([["CASE", "FLOW", "EGRESS", "INGRESS", "DECIDED BY"]], rows));
}

async function checkCases(context: Context, file: string): Promise<void> {
  const { differences, simulateCase } = await import("../../../../src/policy/index.ts");
  const cases = await readFile(context, file);
  let wrong = 0;
  for (const vector of cases) {
    const found = differences(vector, simulateCase(vector));
    if (found.length > 0) wrong++;
    for (const difference of found) {
      if (context.structured) printJson(context, difference);
      else {
        const { id, where, expected, found: actual } = difference;
        context.print([`${id}: ${where}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}`]);
      }
    }
  }
  if (!context.structured)
    context.print([`${cases.length} cases, ${wrong === 0 ? "no difference" : `${wrong} differ`}`]);
  if (wrong > 0) throw new ExitError(1);
}

async function answerQuestion(context: Context, call: Call, files: readonly string[]): Promise<void> {
  const [from, to, port] = ["from", "to", "port"].map((name) => textOption(call, name));
  if (from === undefined || to === undefined || port === undefined) {
    throw new UsageError("Cannot simulate: --manifests needs --from, --to and --port");
  }
  const { caseOutput, flowInWords, questionCase, simulateCase } = await import("../../../../src/policy/index.ts");
  const { parseManifests } = await import("../../../../src/kubernetes/index.ts");
  const texts = await Promise.all(files.map((file) => readInput(context, file)));
  const resources = texts.flatMap((text, index) => parseManifests(text, shownName(files[index] ?? "-")));
  const vector = questionCase(resources, { from, to, port });
  const answer = simulateCase(vector, { strict: true });
  const [refused] = answer.rejected;
  if (refused !== undefined) throw new CiliumError(refused.message);
  const [flow] = vector.flows;
  const [found] = answer.flows;
  if (context.structured) printJson(context, caseOutput(answer).flows[0]);
  else if (flow !== undefined && found !== undefined) context.print(flowInWords(flow, found));
}

function printJson(context: Context, value: unknown): void {
  context.io.stdout(`${neutraliseJson(JSON.stringify(value))}\n`);
}
