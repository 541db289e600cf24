// SPDX-License-Identifier: Apache-2.0
// The node's own devices.

export const deviceNames = { host: "cilium_host", net: "cilium_net", vxlan: "cilium_vxlan" } as const;
