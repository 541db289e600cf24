// SPDX-License-Identifier: Apache-2.0
// Names of error numbers.
import { constants } from "node:os";

const names = new Map<number, string>();
for (const [name, value] of Object.entries(constants.errno)) {
  if (!names.has(value)) names.set(value, name);
}
/** Kernel-internal, but bpf(2) and netlink let it out. */
export const ENOTSUPP = 524;
names.set(ENOTSUPP, "ENOTSUPP");
names.set(constants.errno.EAGAIN, "EAGAIN");
names.set(constants.errno.EOPNOTSUPP, "EOPNOTSUPP");
names.set(117, "EUCLEAN");
names.set(126, "ENOKEY");
// libbpf's own.
names.set(4001, "LIBBPF_ERRNO__FORMAT");
names.set(4003, "LIBBPF_ERRNO__ENDIAN");
names.set(4005, "LIBBPF_ERRNO__RELOC");

/** The numbers, by name. */
export const Errno = { ...constants.errno, ENOTSUPP, EBADFD: 77, ENOLINK: 67 } as const;

/** "EPERM" for 1; "errno 999" for one without a name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}
