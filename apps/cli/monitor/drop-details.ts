// SPDX-License-Identifier: Apache-2.0
// What `monitor` adds to a drop: the labels of both sides, and what policy decided it.
import type { DropExplanation } from "../../../src/api/index.ts";
import type { DropEvent } from "../../../src/datapath/index.ts";
import { ruleText } from "../rule-text.ts";
import type { Knowledge } from "./knowledge.ts";

const policyDenied = 133;
const policyDeny = 181;

/** Indented lines below the drop's own. */
export async function dropDetails(event: DropEvent, knowledge: Knowledge): Promise<string[]> {
  const from = await side("from", event.sourceIdentity, knowledge);
  const to = await side("to  ", event.destinationIdentity, knowledge);
  return [from, to, ...explanationLines(event, await explanationOf(event, knowledge))];
}

/** The same as fields of the JSON form. */
export async function dropDetailsModel(event: DropEvent, knowledge: Knowledge): Promise<Record<string, unknown>> {
  const explanation = await explanationOf(event, knowledge);
  return {
    srcLabels: (await knowledge.labelsOf(event.sourceIdentity)) ?? [],
    dstLabels: (await knowledge.labelsOf(event.destinationIdentity)) ?? [],
    ...(explanation === undefined ? {} : { explanation }),
  };
}

/** Only policy drops have one. */
async function explanationOf(event: DropEvent, knowledge: Knowledge): Promise<DropExplanation | undefined> {
  return event.reason === policyDenied || event.reason === policyDeny ? knowledge.explain(event) : undefined;
}

async function side(word: string, identity: number, knowledge: Knowledge): Promise<string> {
  const labels = await knowledge.labelsOf(identity);
  const text = labels === undefined ? "labels not known" : labels.length === 0 ? "no labels" : labels.join(" ");
  return `   ${word} identity ${identity} [${text}]`;
}

function explanationLines({ direction }: DropEvent, explanation: DropExplanation | undefined): string[] {
  if (explanation === undefined || explanation.kind === "unknown") return [];
  if (explanation.kind === "rule") return [`   denied by policy ${ruleText(explanation)}`];
  const where = direction === "unknown" ? "" : `${direction} `;
  const by = explanation.by.length === 0 ? "the enforcement mode" : `policy ${explanation.by.join(", ")}`;
  const lines = [`   ${where}default deny by ${by}`];
  const miss = explanation.nearestMiss;
  if (miss !== undefined) {
    const fields = miss.fields.map(({ field, expected, found }) => `${field}: expected ${expected}, found ${found}`);
    lines.push(`   nearest rule ${ruleText(miss.rule)}: ${fields.join("; ")}`);
  }
  return lines;
}
