// SPDX-License-Identifier: Apache-2.0
// The work of policy trace: both ends found, both sides asked, everything told.
import { Labels } from "../../../../src/core/index.ts";
import {
  type Direction,
  findEnd,
  protocolNumbers,
  Scene,
  type SceneEnd,
  type SceneSource,
  type SideTrace,
} from "../../../../src/policy/index.ts";
import type { Context } from "../../context.ts";
import { type Call, flag, listOption, textOption } from "../../define.ts";
import { ExitError, UsageError } from "../../errors.ts";
import { loadScene } from "./scene.ts";
import { type FlowTrace, traceInWords } from "./trace-words.ts";

/** Traces one flow; with `--check` a denied one ends it with exit code 1. */
export async function runTrace(context: Context, call: Call): Promise<void> {
  const dport = textOption(call, "dport");
  if (dport === undefined) throw new UsageError("Cannot trace: --dport is missing (such as 80/TCP)");
  const port = parsePort(dport);
  const [source, target] = [labelEnd(call, "src"), labelEnd(call, "dst")];
  const scene = withLabels(await loadScene(context, call), [source, target]);
  const from = endOf(scene, call, "from", source);
  const to = endOf(scene, call, "to", target);
  const trace = traceFlow(scene, from, to, port);
  await context.result(trace, () => traceInWords(trace));
  if (flag(call, "check") && trace.verdict !== "ALLOWED") throw new ExitError(1);
}

function traceFlow(scene: SceneWithPolicies, from: SceneEnd, to: SceneEnd, port: TracePort): FlowTrace {
  const engine = scene.scene.engineWith(scene.source.policies);
  const side = (direction: Direction, local: SceneEnd, remote: SceneEnd): SideTrace | undefined =>
    local.subject === undefined
      ? undefined
      : engine.traceFlow(local.subject, {
          ...{ direction, localIdentity: local.identity, remoteIdentity: remote.identity },
          ...{ protocol: port.protocol, port: port.number },
        });
  const [egress, ingress] = [side("egress", from, to), side("ingress", to, from)];
  const denied = [egress, ingress].some((trace) => trace?.verdict === "deny");
  return {
    from: { identity: from.identity, name: scene.scene.nameOf(from.identity), labels: from.labels.toStrings() },
    to: { identity: to.identity, name: scene.scene.nameOf(to.identity), labels: to.labels.toStrings() },
    port: port.text,
    ...(egress === undefined ? {} : { egress }),
    ...(ingress === undefined ? {} : { ingress }),
    verdict: denied ? "DENIED" : "ALLOWED",
  };
}

interface TracePort {
  readonly protocol: number;
  readonly number: number;
  readonly text: string;
}

const icmpProtocols: Readonly<Record<string, number>> = { ICMP: 1, ICMPV6: 58 };

/** `80` is TCP's, `8/ICMP` a type. */
function parsePort(text: string): TracePort {
  const [, digits = "", name = "TCP"] = /^(\d{1,5})(?:\/(\w+))?$/.exec(text) ?? [];
  const protocol = icmpProtocols[name.toUpperCase()] ?? protocolNumbers(name)[0];
  if (digits === "" || Number(digits) > 65535 || protocol === undefined) {
    throw new UsageError(`Cannot use --dport "${text}": NUMBER[/PROTOCOL] expected, such as 80/TCP or 8/ICMP`);
  }
  return { protocol, number: Number(digits), text: `${Number(digits)}/${name.toUpperCase()}` };
}

interface SceneWithPolicies {
  readonly scene: Scene;
  readonly source: SceneSource;
}

const firstLabelEnd = 0x7fff_0000;

/** An end given by labels is an identity of its own. */
function withLabels(source: SceneSource, ends: readonly (Labels | undefined)[]): SceneWithPolicies {
  const added = ends.flatMap((labels, index) => (labels === undefined ? [] : [{ id: firstLabelEnd + index, labels }]));
  const whole = { ...source, identities: [...source.identities, ...added] };
  return { scene: new Scene(whole), source: whole };
}

function labelEnd(call: Call, name: string): Labels | undefined {
  const texts = listOption(call, name);
  return texts.length === 0 ? undefined : Labels.parse(texts, "k8s");
}

const prefixes = { from: "src", to: "dst" } as const;

function endOf({ scene }: SceneWithPolicies, call: Call, name: "from" | "to", labels: Labels | undefined): SceneEnd {
  const prefix = prefixes[name];
  const option = (suffix: string) => textOption(call, `${prefix}${suffix}`);
  const given = [
    textOption(call, name),
    option("Identity"),
    option("K8sPod")?.replace(":", "/"),
    endpointName(scene, option("Endpoint")),
  ].filter((text) => text !== undefined);
  const [text] = given;
  if (given.length + (labels === undefined ? 0 : 1) !== 1) {
    throw new UsageError(
      `Cannot trace: give --${name}, or one of --${prefix}, --${prefix}-identity, --${prefix}-k8s-pod`,
    );
  }
  if (text !== undefined) return findEnd(scene, text);
  const identity = scene.peers.find((peer) => labels !== undefined && peer.labels.equals(labels))?.id ?? 0;
  return { identity, labels: labels ?? Labels.empty, subject: labels };
}

function endpointName(scene: Scene, id: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  const identity = scene.identityOfEndpoint(id);
  if (identity === undefined) throw new UsageError(`Cannot find endpoint "${id}": it is not on this node`);
  return String(identity);
}
