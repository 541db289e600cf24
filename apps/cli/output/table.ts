// SPDX-License-Identifier: Apache-2.0
// Columns as Go's tabwriter aligns them (minimal width 5, padding 3): a column is as wide as its widest cell in a run of
// lines that have it; the last cell of a line belongs to no column.
import { neutraliseCell } from "./escape.ts";

const minWidth = 5;
const padding = 3;

/** A line of cells. */
export type Line = readonly string[];

/** Aligns lines as they are; lines of other lengths in between end a column's run. */
export function alignLines(lines: readonly Line[]): string[] {
  const cells = lines.map((line) => line.map(neutraliseCell));
  const texts: string[] = cells.map(() => "");
  alignBlock(cells, texts, 0, cells.length, 0);
  return texts.map((text) => text.trimEnd());
}

function alignBlock(cells: readonly Line[], texts: string[], from: number, to: number, column: number): void {
  let row = from;
  while (row < to) {
    if (!hasColumn(cells[row], column)) {
      texts[row] += cells[row]?.[column] ?? "";
      row++;
      continue;
    }
    let end = row;
    while (end < to && hasColumn(cells[end], column)) end++;
    const widths = cells.slice(row, end).map((line) => widthOf(line[column] ?? ""));
    const width = Math.max(minWidth, Math.max(...widths) + padding);
    for (let i = row; i < end; i++) {
      const cell = cells[i]?.[column] ?? "";
      texts[i] += cell + " ".repeat(width - widthOf(cell));
    }
    alignBlock(cells, texts, row, end, column + 1);
    row = end;
  }
}

/** A cell is part of a column when another one follows it. */
function hasColumn(line: Line | undefined, column: number): boolean {
  return line !== undefined && column < line.length - 1;
}

function widthOf(text: string): number {
  return [...text].length;
}

/** A table within a screen: aligned on its own, so that its lines end the columns around it. */
export function nestedTable(header: Line, rows: readonly Line[]): Line[] {
  return alignLines([header, ...rows]).map((line) => [line]);
}

/** A table whose rows all have the header's columns; missing cells are empty. `header` undefined: rows alone. */
export function alignTable(header: readonly Line[] | undefined, rows: readonly Line[]): string[] {
  const lines = [...(header ?? []), ...rows];
  const columns = Math.max(0, ...lines.map((line) => line.length));
  return alignLines(lines.map((line) => [...line, ...Array.from({ length: columns - line.length }, () => "")]));
}
