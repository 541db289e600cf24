// SPDX-License-Identifier: Apache-2.0
// Which features the agent was started with, under Cilium's names where it has them.
import type { Config, Metrics } from "../../../src/core/index.ts";
import type { Datapath } from "../../../src/datapath/index.ts";
import { options } from "../options.ts";

export interface FeatureMetricsDeps {
  readonly config: Config;
  readonly datapath: Pick<Datapath, "attachMode">;
}

/** A feature that is on or off, or one that is in use in one of several ways, which a label names. */
type Feature =
  | { readonly name: string; readonly isOn: boolean }
  | { readonly name: string; readonly label: string; readonly way: () => string };

/** Registers them: 1 is on, or this way. */
export function registerFeatures(metrics: Metrics, deps: FeatureMetricsDeps): void {
  for (const feature of featuresOf(deps)) {
    const about = { name: `feature_${feature.name}`, help: "Features in use: 1" };
    if ("isOn" in feature) metrics.gauge(about).set(feature.isOn ? 1 : 0);
    else {
      const { label, way } = feature;
      metrics.gauge({ ...about, labels: [label], collect: (metric) => metric.set(1, { [label]: way() }) });
    }
  }
}

function featuresOf({ config, datapath }: FeatureMetricsDeps): readonly Feature[] {
  const mode = (name: string, way: () => string): Feature => ({ name, label: "mode", way });
  return [
    mode("controlplane_identity_allocation", () => (config.get(options.kvstore) === "memory" ? "memory" : "kvstore")),
    mode("datapath_chaining_enabled", () => config.get(options.cniChainingMode)),
    mode("datapath_network", () =>
      config.get(options.routingMode) === "native" ? "direct-routing" : `overlay-${config.get(options.tunnelProtocol)}`,
    ),
    mode("datapath_attach", () => datapath.attachMode),
    mode("network_policies_enforcement", () => config.get(options.enablePolicy)),
    { name: "datapath_internet_protocol", label: "address_family", way: () => families(config) },
    { name: "datapath_config", label: "operational_mode", way: () => config.get(options.datapathMode) },
    { name: "datapath_endpoint_routes_enabled", isOn: config.get(options.enableEndpointRoutes) },
    { name: "network_policies_host_firewall_enabled", isOn: config.get(options.enableHostFirewall) },
    { name: "network_policies_non_defaultdeny_policies_enabled", isOn: true },
    { name: "network_policies_xdp_prefilter_enabled", isOn: config.get(options.enableXdpPrefilter) },
  ];
}

function families(config: Config): string {
  const [ipv4, ipv6] = [config.get(options.enableIpv4), config.get(options.enableIpv6)];
  return ipv4 && ipv6 ? "ipv4-ipv6-dual-stack" : ipv4 ? "ipv4-only" : "ipv6-only";
}
