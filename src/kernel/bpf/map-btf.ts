// SPDX-License-Identifier: Apache-2.0
// What the kernel keeps of the types of a map's keys and values.
import type { Fd } from "../fd.ts";
import type { BpfMap } from "./map.ts";
import { BpfAttr, bpfChecked, fdById, objectInfo } from "./syscall.ts";

/** Type ids in the BTF of the object that the map was made for. */
export interface MapTypes {
  readonly btfId: number;
  readonly key: number;
  readonly value: number;
}

/** Types of a map's keys and values; undefined when it was made without. */
export function mapTypes(map: BpfMap): MapTypes | undefined {
  // struct bpf_map_info: btf_id, btf_key_type_id, btf_value_type_id.
  const info = objectInfo(map.fd, 80);
  const [btfId, key, value] = [64, 68, 72].map((offset) => info.getUint32(offset, true));
  return btfId === undefined || btfId === 0 ? undefined : { btfId, key: key ?? 0, value: value ?? 0 };
}

/** A `.BTF` section that the kernel holds. BPF_BTF_GET_FD_BY_ID; needs CAP_SYS_ADMIN. */
export function loadedBtf(id: number): Uint8Array {
  using fd: Fd = fdById("BPF_BTF_GET_FD_BY_ID", id, "BTF");
  // struct bpf_btf_info: btf (address), btf_size, id.
  const bytes = new Uint8Array(new ArrayBuffer(objectInfo(fd, 16).getUint32(8, true)));
  const info = new BpfAttr(16).pointer(0, bytes).u32(8, bytes.length);
  const attr = new BpfAttr(16).u32(0, fd.value).u32(4, 16).pointer(8, info.bytes);
  bpfChecked("BPF_OBJ_GET_INFO_BY_FD", attr, `Cannot read BTF ${id}`);
  return bytes;
}
