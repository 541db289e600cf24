// SPDX-License-Identifier: Apache-2.0
// For tests: the fields of Cilium's models whose subject is here, or which Cilium shows also where it is off.

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Fields by model; `a.b` is field `b` of field `a`. */
export const ciliumFields = {
  /** Of StatusResponse. */
  status: words(`
    cilium kvstore kubernetes.state cni-file.state cni-file.msg cni-chaining host-firewall hubble.state
    hubble-metrics.state datapath-mode configured-datapath-mode attach-mode kube-proxy-replacement ipam.status
    ipam.allocations ipam.ipv4 ipam.ipv6 nodeMonitor.cpus nodeMonitor.npages nodeMonitor.pagesize nodeMonitor.lost
    nodeMonitor.unknown cluster.ciliumHealth cluster.self controllers identity-range ipv4-big-tcp.enabled
    ipv6-big-tcp.enabled bandwidth-manager.enabled masquerading.enabled masquerading.enabledProtocols
    masquerading.mode masquerading.ip-masq-agent masquerading.snat-exclusion-cidr-v4
    masquerading.snat-exclusion-cidr-v6 routing.inter-host-routing-mode routing.intra-host-routing-mode
    routing.tunnel-protocol clock-source srv6.enabled bpf-maps.maps bpf-maps.dynamic-size-ratio encryption.mode
    auth-certificate-provider.state
  `),
  /** Of DaemonConfigurationStatus. */
  config: words(`
    realized immutable addressing ipam-mode datapathMode configuredDatapathMode deviceMTU routeMTU masquerade
    masqueradeProtocols packetizationLayerPMTUDMode nodeMonitor kvstoreConfiguration.type
    kvstoreConfiguration.options daemonConfigurationMap
  `),
  /** Of Endpoint.status. */
  endpoint: words(`
    external-identifiers.cni-attachment-id external-identifiers.container-id external-identifiers.k8s-pod-name
    external-identifiers.k8s-namespace identity labels.realized labels.security-relevant labels.derived
    labels.disabled networking.addressing networking.host-mac networking.mac networking.interface-name
    networking.interface-index networking.host-addressing networking.container-interface-name policy.spec
    policy.realized policy.proxy-statistics log controllers state health namedPorts realized.options
  `),
  /** Of Endpoint.status.policy.realized. */
  policy: words(`
    id policy-revision policy-enabled allowed-ingress-identities denied-ingress-identities
    allowed-egress-identities denied-egress-identities l4 cidr-policy
  `),
} as const;

/** Those of `expected` that `model` does not have. */
export function missingFields(expected: readonly string[], model: object): readonly string[] {
  return expected.filter((path) => {
    let value: unknown = model;
    for (const name of path.split(".")) {
      if (typeof value !== "object" || value === null || !(name in value)) return true;
      value = (value as Readonly<Record<string, unknown>>)[name];
    }
    return false;
  });
}
