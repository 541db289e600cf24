// SPDX-License-Identifier: Apache-2.0
// Endpoint models of the agent's REST API.
import type { AddressPair, Identity, NodeAddressing } from "./models.ts";
import type { ControllerStatus } from "./models-status.ts";

/** Body of PUT and PATCH /endpoint/{id}. */
export interface EndpointChangeRequest {
  readonly id?: number;
  readonly "container-id"?: string;
  readonly "container-name"?: string;
  readonly "container-netns-path"?: string;
  readonly "container-interface-name"?: string;
  readonly "netns-cookie"?: string;
  /** Host side. */
  readonly "interface-name"?: string;
  /** Host side. */
  readonly "interface-index"?: number;
  readonly "parent-interface-index"?: number;
  /** Of the pod's device. */
  readonly mac?: string;
  /** Of the host side. */
  readonly "host-mac"?: string;
  readonly addressing?: AddressPair;
  readonly labels?: readonly string[];
  readonly "k8s-pod-name"?: string;
  readonly "k8s-namespace"?: string;
  readonly "k8s-uid"?: string;
  readonly state?: EndpointStateName;
  /** Answer only when the endpoint is ready, or failed. */
  readonly "sync-build-endpoint"?: boolean;
  readonly "policy-enabled"?: boolean;
  readonly "datapath-map-id"?: number;
  readonly "datapath-configuration"?: EndpointDatapathConfiguration;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly pid?: number;
}

export interface EndpointDatapathConfiguration {
  readonly "require-arp-passthrough"?: boolean;
  readonly "require-egress-prog"?: boolean;
  readonly "external-ipam"?: boolean;
  readonly "require-routing"?: boolean;
  readonly "install-endpoint-route"?: boolean;
  readonly "disable-sip-verification"?: boolean;
}

export type EndpointStateName =
  | "waiting-for-identity"
  | "not-ready"
  | "waiting-to-regenerate"
  | "regenerating"
  | "restoring"
  | "ready"
  | "disconnecting"
  | "disconnected"
  | "invalid";

export type PolicyEnabled = "none" | "ingress" | "egress" | "both" | "audit-ingress" | "audit-egress" | "audit-both";

export interface Endpoint {
  readonly id: number;
  readonly spec?: EndpointConfigurationSpec;
  readonly status: EndpointStatus;
}

export interface EndpointConfigurationSpec {
  readonly "label-configuration"?: { readonly user?: readonly string[] };
  /** Option name to "Enabled" or "Disabled". */
  readonly options?: Readonly<Record<string, string>>;
}

/** Answer of GET and PATCH /endpoint/{id}/config. */
export interface EndpointConfigurationStatus {
  readonly realized: EndpointConfigurationSpec;
}

export interface EndpointStatus {
  readonly "external-identifiers": EndpointIdentifiers;
  readonly identity?: Identity;
  readonly labels: LabelConfigurationStatus;
  readonly networking: EndpointNetworking;
  readonly policy: EndpointPolicyStatus;
  readonly log?: readonly EndpointStatusChange[];
  readonly controllers?: readonly ControllerStatus[];
  readonly state: EndpointStateName;
  readonly health?: EndpointHealth;
  readonly namedPorts?: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  readonly realized?: EndpointConfigurationSpec;
}

export interface EndpointIdentifiers {
  /** "containerID:ifname". */
  readonly "cni-attachment-id"?: string;
  readonly "container-id"?: string;
  readonly "container-name"?: string;
  /** "namespace/name". */
  readonly "pod-name"?: string;
  readonly "k8s-pod-name"?: string;
  readonly "k8s-namespace"?: string;
}

export interface LabelConfigurationStatus {
  readonly "security-relevant": readonly string[];
  readonly derived?: readonly string[];
  readonly disabled?: readonly string[];
  readonly realized?: { readonly user?: readonly string[] };
}

export interface EndpointNetworking {
  readonly addressing: readonly AddressPair[];
  /** Of the pod's device. */
  readonly mac?: string;
  /** Of the host side. */
  readonly "host-mac"?: string;
  readonly "interface-name"?: string;
  readonly "interface-index"?: number;
  readonly "container-interface-name"?: string;
  readonly "host-addressing"?: NodeAddressing;
}

export interface EndpointPolicyStatus {
  readonly spec?: EndpointPolicy;
  readonly realized: EndpointPolicy;
  readonly "proxy-policy-revision"?: number;
  readonly "proxy-statistics"?: readonly unknown[];
}

export interface EndpointPolicy {
  readonly id?: number;
  readonly build?: number;
  readonly "policy-revision": number;
  readonly "policy-enabled": PolicyEnabled;
  readonly "allowed-ingress-identities"?: readonly number[];
  readonly "denied-ingress-identities"?: readonly number[];
  readonly "allowed-egress-identities"?: readonly number[];
  readonly "denied-egress-identities"?: readonly number[];
  /** Policies (`namespace/name`) that made a direction default deny. */
  readonly "default-deny-by"?: { readonly ingress: readonly string[]; readonly egress: readonly string[] };
  readonly l4?: { readonly ingress: readonly PolicyRuleStatus[]; readonly egress: readonly PolicyRuleStatus[] };
}

export interface PolicyRuleStatus {
  /** JSON text of the resolved filter. */
  readonly rule: string;
  readonly "derived-from-rules"?: readonly (readonly string[])[];
  readonly "rules-by-selector"?: Readonly<Record<string, readonly (readonly string[])[]>>;
}

/** One line of an endpoint's log. */
export interface EndpointStatusChange {
  readonly timestamp: string;
  readonly code: "ok" | "failed";
  readonly state: EndpointStateName;
  readonly message: string;
}

export type EndpointHealthState = "OK" | "Bootstrap" | "Pending" | "Warning" | "Failure" | "Disabled";

export interface EndpointHealth {
  readonly overallHealth: EndpointHealthState;
  readonly bpf: EndpointHealthState;
  readonly policy: EndpointHealthState;
  readonly connected: boolean;
}

/** Body of DELETE /endpoint. */
export interface EndpointBatchDeleteRequest {
  readonly "container-id": string;
}
