// SPDX-License-Identifier: Apache-2.0
// Generates docs/drop-reasons.md from the programs' reasons and the advice beside them. With --check it compares instead.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DropReason } from "../src/abi/index.ts";
import { dropAdvice, dropReasonText } from "../src/datapath/index.ts";

const path = join(import.meta.dirname, "../docs/drop-reasons.md");

const head = `# Drop reasons

Every packet that a program drops is counted in \`cilium_metrics\` (\`cilium-dbg bpf metrics list\`) and reported with its
reason, the line of the program, both identities and the rule that decided (\`cilium-dbg monitor -t drop\`).

Made by \`tools/gen-drop-docs.ts\` from \`bpf/abi/drop.h\` and \`src/datapath/events/drop-advice.ts\`; do not edit.

| code | reason | what it means | what to do |
|---|---|---|---|
`;

function page(): string {
  const codes = Object.values(DropReason).sort((a, b) => a - b);
  const rows = codes.map((code) => {
    const { meaning, remedy } = dropAdvice[code];
    return `| ${code} | ${dropReasonText(code)} | ${meaning} | ${remedy} |\n`;
  });
  return head + rows.join("");
}

const text = page();
if (!process.argv.includes("--check")) {
  writeFileSync(path, text);
} else if (readFileSync(path, "utf8") !== text) {
  process.stderr.write("Error: docs/drop-reasons.md is not up to date (run tools/gen-drop-docs.ts)\n");
  process.exitCode = 1;
}
