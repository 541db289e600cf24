// SPDX-License-Identifier: Apache-2.0
// GC: nothing to do. Addresses of endpoints that never came expire in the agent, and the agent itself removes
// endpoints whose device is gone; endpoints do not tell of which network configuration they are, so that removing
// those not in "cni.dev/valid-attachments" could hit another network's.
import type { Answer, Request } from "../request.ts";

export async function gc(_request: Request): Promise<Answer> {
  return undefined;
}
