// SPDX-License-Identifier: Apache-2.0
// Commands on another kernel: a virtual machine without acceleration, whose root is this machine's, changes thrown away.
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "../..");
/** What tools/run.sh test-vm unpacks the kernel's package to. */
const kernelRoot = join(root, "build/vm/kernel");
const qemu = "/usr/bin/qemu-system-x86_64";
const busybox = "/bin/busybox";
/** Loaded with all that they need, in this order: the way to the root, then what the tests use. */
const modules = [
  ...["virtio_pci", "9pnet_virtio", "9p", "overlay"],
  ...[
    "veth",
    "vxlan",
    "geneve",
    "bridge",
    "dummy",
    "ipvlan",
    "wireguard",
    "sch_ingress",
    "cls_bpf",
    "act_bpf",
    "sch_fq",
  ],
];

/** Why there is no virtual machine to be had here; undefined when there is one. */
export function missingVm(): string | undefined {
  const path = [qemu, busybox, join(kernelRoot, "boot")].find((path) => !existsSync(path));
  return path === undefined ? undefined : `${path} is not there (npm run test:vm installs it)`;
}

/** Release of the machine's kernel, such as `6.1.0-56-amd64`. */
export function vmKernel(): string {
  const image = readdirSync(join(kernelRoot, "boot")).find((name) => name.startsWith("vmlinuz-"));
  if (image === undefined)
    throw new Error(`Cannot find a kernel in ${kernelRoot}/boot (remove build/vm and run again)`);
  return image.slice("vmlinuz-".length);
}

export interface VmResult {
  /** Of the script; 124 when the time was up, 125 when the machine did not come up. */
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a shell script in the checkout, as root, on the machine's kernel; `onOutput` gets what it prints at once. What
 * it writes is gone with the machine. A boot takes 8 s on an idle CPU.
 */
export async function runInVm(script: string, timeoutMs: number, onOutput?: (text: string) => void): Promise<VmResult> {
  const directory = mkdtempSync(join(tmpdir(), "cilium-vm-"));
  try {
    const release = vmKernel();
    const initrd = makeInitrd(directory, release, script);
    return await boot(release, initrd, timeoutMs, onOutput);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function makeInitrd(directory: string, release: string, script: string): string {
  const tree = join(directory, "tree");
  for (const name of ["bin", "modules", "proc", "sys", "dev", "lower", "layer", "root"]) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  copyFileSync(busybox, join(tree, "bin/busybox"));
  const order = modulePaths(release);
  for (const path of order) copyFileSync(path, join(tree, "modules", basename(path)));
  writeFileSync(join(tree, "modules/order"), order.map((path) => `${basename(path)}\n`).join(""));
  copyFileSync(join(import.meta.dirname, "init.sh"), join(tree, "init"));
  execFileSync("chmod", ["755", join(tree, "init")]);
  writeFileSync(join(tree, "task"), taskOf(script));
  const initrd = join(directory, "initrd");
  execFileSync("sh", ["-c", 'cd "$1" && find . | cpio -o -H newc --quiet >"$2"', "sh", tree, initrd]);
  return initrd;
}

function taskOf(script: string): string {
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return `export PATH=${root}/node_modules/node/bin:${path} HOME=/root NO_COLOR=1\ncd ${root}\n${script}\n`;
}

/** Files of the modules and of what they need, each once, what is needed first. */
function modulePaths(release: string): readonly string[] {
  const paths = new Set<string>();
  for (const name of modules) {
    const text = execFileSync("modprobe", ["-d", kernelRoot, "-S", release, "--show-depends", name], {
      encoding: "utf8",
    });
    for (const [, path] of text.matchAll(/^insmod (\S+)/gm)) if (path !== undefined) paths.add(path);
  }
  return [...paths];
}

async function boot(
  release: string,
  initrd: string,
  timeoutMs: number,
  onOutput: (text: string) => void = () => {},
): Promise<VmResult> {
  const child = spawn(
    qemu,
    [
      // KVM hangs on some hosts; a test must not depend on it.
      // With a thread for each CPU, Node ended at its start now and then by a failed check of V8's own or a segmentation
      // fault, with "max" more often than with the CPU here. With one it has not been seen.
      ...["-accel", "tcg,thread=single", "-cpu", "Nehalem", "-smp", String(Math.min(2, cpus().length)), "-m", "3072"],
      ...["-nographic", "-no-reboot", "-nic", "none"],
      ...["-kernel", join(kernelRoot, "boot", `vmlinuz-${release}`), "-initrd", initrd],
      ...["-append", "console=ttyS0 quiet loglevel=4 panic=-1"],
      ...["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"],
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      onOutput(text);
    });
  }
  await new Promise<void>((resolve, reject) => child.once("error", reject).once("close", () => resolve()));
  clearTimeout(timer);
  const code = /^vm: exit code (\d+)/m.exec(output.replaceAll("\r", ""))?.[1];
  return { code: timedOut ? 124 : Number(code ?? 125), output: output.replaceAll("\r", "") };
}
