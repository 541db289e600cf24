// SPDX-License-Identifier: Apache-2.0
// Columns as Go's tabwriter aligns them (minimal width 5, padding 3): a column is as wide as its widest cell in a run of
// lines that have it; the last cell of a line belongs to no column.
import { neutraliseCell } from "./terminal-text.ts";

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
    let width = minWidth;
    for (let i = row; i < end; i++) width = Math.max(width, cellWidth(cells[i]?.[column] ?? ""));
    for (let i = row; i < end; i++) {
      const cell = cells[i]?.[column] ?? "";
      texts[i] += pad(cell, width);
    }
    alignBlock(cells, texts, row, end, column + 1);
    row = end;
  }
}

/** A cell is part of a column when another one follows it. */
function hasColumn(line: Line | undefined, column: number): boolean {
  return line !== undefined && column < line.length - 1;
}

/** Characters as people count them; what is ASCII need not be taken apart. */
function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII as a whole
  return /^[\u0000-\u007f]*$/.test(text) ? text.length : [...text].length;
}

function cellWidth(cell: string): number {
  return widthOf(cell) + padding;
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(width - widthOf(cell));
}

/** Columns of lines that come one after the other: as wide as the widest cell so far. */
export class GrowingColumns {
  readonly #widths: number[] = [];

  /** Makes room for a line; all lines have the same number of cells. */
  widen(line: Line): void {
    for (const [column, cell] of line.slice(0, -1).entries()) {
      this.#widths[column] = Math.max(this.#widths[column] ?? minWidth, cellWidth(neutraliseCell(cell)));
    }
  }

  /** The text of a line for which there is room. */
  format(line: Line): string {
    const cells = line.map(neutraliseCell);
    return cells
      .map((cell, column) => (column < cells.length - 1 ? pad(cell, this.#widths[column] ?? 0) : cell))
      .join("")
      .trimEnd();
  }
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
