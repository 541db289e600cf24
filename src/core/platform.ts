// SPDX-License-Identifier: Apache-2.0
// The machine's kind, in Go's words, which Cilium's answers have.

const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** System and architecture: `linux/amd64`. */
export const platformName = `${process.platform}/${architectures[process.arch] ?? process.arch}`;
