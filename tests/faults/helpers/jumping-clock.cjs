// SPDX-License-Identifier: Apache-2.0
// Loaded before the agent: after 1 s the machine's clock seems to be set forward by an hour, after 2.5 s back by two.
const RealDate = Date;
const start = performance.now();
const hour = 3_600_000;

globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [Date.now()] : args));
  }

  static now() {
    const ms = performance.now() - start;
    return RealDate.now() + (ms > 2500 ? -hour : ms > 1000 ? hour : 0);
  }
};
