// SPDX-License-Identifier: Apache-2.0
// What a sysdump is made of.

/** How much and how long. */
export interface Bounds {
  /** Bytes of one item; what is more is cut off, and said so. */
  readonly itemBytes: number;
  /** Bytes of all items together. */
  readonly totalBytes: number;
  /** Milliseconds for one item. */
  readonly itemMs: number;
  /** Milliseconds for everything. */
  readonly totalMs: number;
}

/** One file of a sysdump. */
export type Item = { readonly path: string } & (
  | {
      /** A command of this program; its output is the file. */
      readonly command: readonly string[];
      /** Ends it, as a user would, after so many milliseconds. */
      readonly endAfter?: number;
    }
  | {
      /** The newest bytes of a file. */
      readonly file: string;
    }
  | { readonly read: () => string | Buffer | Promise<string | Buffer> }
);

/** What an item holds; `error`: why not all of it could be had. */
export interface Content {
  readonly bytes: Buffer;
  readonly truncated: boolean;
  readonly error?: string;
}

/** How an item went. */
export interface Collected {
  readonly path: string;
  readonly ms: number;
  readonly bytes: number;
  /** Not everything is there. */
  readonly truncated: boolean;
  readonly error?: string;
}
