#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets the machine up, as far as it is not, and runs a task: tools/run.sh demo|test|test-vm|test-runtimes|check|bench|setup [ARGS…]
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
node=$root/node_modules/node/bin/node
state=$root/build/setup
log=$state/setup.log
start=$EPOCHREALTIME
did=0

# What each Debian package is for: docs/dependencies.md.
packages=(
  clang llvm libbpf-dev libbpf1 linux-libc-dev etcd-server iproute2 util-linux
  containernetworking-plugins curl netcat-openbsd iputils-ping socat iperf3
)
# For kernels that are not this machine's.
vm_packages=(qemu-system-x86 busybox-static cpio kmod)
vm_kernel=linux-image-amd64
# Container runtimes, run by tests/runtimes with folders and sockets of their own.
runtime_packages=(docker.io containerd runc podman iptables busybox-static)
options=(BPF BPF_SYSCALL BPF_JIT NET_CLS_ACT NET_SCH_INGRESS VETH VXLAN CGROUP_BPF DEBUG_INFO_BTF)

# One line: what cannot be done, why, and what to do.
fail() {
  printf 'Error: %s\n' "$*" >&2
  exit 1
}

say() {
  printf '%s\n' "$*" >&2
}

seconds_since() {
  local now=$EPOCHREALTIME
  local us=$((${now/[.,]/} - ${1/[.,]/}))
  printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

# step WHAT COMMAND…: runs a command with its output in the log, and says how long it took.
step() {
  local what=$1 since=$EPOCHREALTIME code=0
  shift
  say "Set-up: $what …"
  "$@" >>"$log" 2>&1 || code=$?
  if [ "$code" -ne 0 ]; then return "$code"; fi
  say "Set-up: $what: done in $(seconds_since "$since") s"
  did=1
}

check_root() {
  [ "$(id -u)" -eq 0 ] || fail "Cannot run \"$1\": not root (run it with sudo, or as root)"
}

check_kernel() {
  local release major minor rest config="" text="" option
  release=$(uname -r)
  IFS=.- read -r major minor rest <<<"$release"
  if [ "$major" -lt 5 ] || { [ "$major" -eq 5 ] && [ "$minor" -lt 10 ]; }; then
    fail "Cannot run on kernel $release: 5.10 or newer is needed (install a newer kernel and boot it)"
  fi
  if [ -r /proc/config.gz ]; then
    text=$(zcat /proc/config.gz)
    config=/proc/config.gz
  elif [ -r "/boot/config-$release" ]; then
    text=$(<"/boot/config-$release")
    config=/boot/config-$release
  else
    return 0
  fi
  for option in "${options[@]}"; do
    [[ $text == *"CONFIG_$option="[ym]* ]] ||
      fail "Cannot run on kernel $release: CONFIG_$option is missing in $config (boot a kernel that has it)"
  done
}

missing_packages() {
  command -v dpkg-query >/dev/null || return 1
  local installed
  # dpkg-query fails when it does not know one of them; what it does know still counts.
  installed=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' "${packages[@]}" 2>/dev/null || true)"
  local name
  for name in "${packages[@]}"; do
    [[ $installed == *" $name=installed "* ]] || printf '%s ' "$name"
  done
}

# Keeps freshly installed services (etcd) from being started by their packages.
no_service_starts() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  local code=0
  "$@" || code=$?
  rm -f "$policy"
  return "$code"
}

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@" </dev/null
}

install_packages() {
  local missing
  missing=$(missing_packages) ||
    fail "Cannot install Debian packages: dpkg-query is not there (use Debian 12, or install: ${packages[*]})"
  [ -n "$missing" ] || return 0
  missing=${missing% }
  check_root "apt-get install $missing"
  step "Debian package lists" apt update ||
    fail "Cannot fetch Debian's package lists: $(last_line) (check the network and /etc/apt/sources.list; all of it: $log)"
  # The list is split on purpose.
  # shellcheck disable=SC2086
  step "Debian packages: $missing" no_service_starts apt install -y --no-install-recommends $missing ||
    fail "Cannot install Debian packages $missing: $(last_line) (check the network; all of it: $log)"
}

last_line() {
  grep -E '^(E:|W:|npm (ERR!|error) [^ ]|.*[Ee]rror)' "$log" | grep -v 'complete log' | tail -n 1 | cut -c 1-160
}

npm_key() {
  (cd "$root" && cat package.json package-lock.json .npmrc && uname -m) | sha256sum | cut -d ' ' -f 1
}

install_npm_packages() {
  # Without network npm would try for more than a minute.
  export npm_config_fetch_retries=${npm_config_fetch_retries:-2}
  export npm_config_fetch_retry_mintimeout=2000 npm_config_fetch_retry_maxtimeout=10000
  local key
  key=$(npm_key)
  if [ -x "$node" ] && [ "$(cat "$root/node_modules/.setup-key" 2>/dev/null || true)" = "$key" ]; then return 0; fi
  if [ -x "$node" ] && same_lock; then
    printf '%s\n' "$key" >"$root/node_modules/.setup-key"
    return 0
  fi
  command -v npm >/dev/null || fail "Cannot install npm packages: npm is not there (install Node 20 or newer with npm)"
  step "npm packages" npm_packages </dev/null ||
    fail "Cannot install npm packages: $(last_line) (check the network and \"npm config get registry\"; all of it: $log)"
  [ -x "$node" ] || fail "Cannot find the Node of the npm package \"node\": no $node (allow npm's install scripts and run npm ci)"
  printf '%s\n' "$key" >"$root/node_modules/.setup-key"
}

# Some npm versions hold lock files against `ci` that they made themselves (optional packages of other platforms that
# the registry does not serve); a plain install takes the same versions from the same file.
npm_packages() {
  # Without network npm would try for more than a minute.
  export npm_config_fetch_retries=${npm_config_fetch_retries:-2}
  export npm_config_fetch_retry_mintimeout=2000 npm_config_fetch_retry_maxtimeout=10000
  npm --prefix "$root" ci --no-progress --loglevel=warn && return
  grep -q 'EUSAGE' "$log" || return
  npm --prefix "$root" install --no-save --no-progress --loglevel=warn
}

# Whether what npm installed last is what the lock file asks for (for instance by a developer's own npm ci).
same_lock() {
  [ -f "$root/node_modules/.package-lock.json" ] && "$node" --input-type=module -e '
    import { readFileSync } from "node:fs";
    const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
    const [wanted, present] = [read(process.argv[1]), read(process.argv[2])];
    const here = ([path, entry]) => path !== "" && entry.optional !== true && entry.os === undefined;
    process.exit(Object.entries(wanted).filter(here).every(([path, e]) => present[path]?.version === e.version) ? 0 : 1);
  ' "$root/package-lock.json" "$root/node_modules/.package-lock.json"
}

# run_builder FILE WHAT: builders know themselves whether anything is to be done, and print what they built.
run_builder() {
  [ -f "$root/$1" ] || return 0
  local since=$EPOCHREALTIME code=0
  "$node" "$root/$1" >"$state/builder.out" 2>&1 </dev/null || code=$?
  cat "$state/builder.out" >>"$log"
  if [ "$code" -ne 0 ]; then
    cat "$state/builder.out" >&2
    fail "Cannot build $2: node $1 exited with $code (its output is above)"
  fi
  if [ -s "$state/builder.out" ]; then
    say "Set-up: $2: done in $(seconds_since "$since") s"
    did=1
  fi
}

# Whether a built file is there and newer than all of the sources given.
fresh() {
  local target=$1
  shift
  [ -e "$target" ] && [ -z "$(find "$@" -type f -newer "$target" -print -quit 2>/dev/null)" ]
}

build() {
  local stamp
  if [ -f "$root/tools/build-bpf.ts" ]; then
    stamp=$state/bpf
    if ! fresh "$stamp" "$root/bpf" "$root/tools/build-bpf.ts" || ! compgen -G "$root/build/bpf/*" >/dev/null; then
      run_builder tools/build-bpf.ts "eBPF objects"
      touch "$stamp"
    fi
  fi
  if ! fresh "$root/build/bundles/agent.mjs" "$root/apps/agent" "$root/apps/cni" "$root/apps/docker" "$root/src" \
    "$root/package-lock.json" "$root/tools/build-bundles.ts"; then
    run_builder tools/build-bundles.ts "bundles"
  fi
}

# The kernel that Debian's package names, unpacked; nothing is installed.
unpack_vm_kernel() {
  local image directory=$root/build/vm
  image=$(apt-cache depends "$vm_kernel" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
  [ -n "$image" ] || return 1
  rm -rf "$directory"
  mkdir -p "$directory/new"
  (cd "$directory" && apt-get download "$image" && dpkg-deb -x "$image"_*.deb new) || return 1
  depmod -b "$directory/new" "${image#linux-image-}" && mv "$directory/new" "$directory/kernel" && rm -f "$directory"/*.deb
}

install_vm() {
  packages+=("${vm_packages[@]}")
  install_packages
  [ -d "$root/build/vm/kernel" ] || step "kernel of the virtual machine" unpack_vm_kernel ||
    fail "Cannot fetch $vm_kernel: $(last_line) (check the network; all of it: $log)"
}

set_up() {
  if [ "$1" != check ]; then
    check_root "$1"
    check_kernel
  fi
  mkdir -p "$state" 2>/dev/null || fail "Cannot set up: $state cannot be made (run it as the owner of the checkout)"
  { exec 9>"$state/lock"; } 2>/dev/null || fail "Cannot set up: $state/lock cannot be written (run it as the owner of the checkout)"
  flock -w 600 9 || fail "Cannot set up: another set-up holds $state/lock for 10 minutes (see what it does, or end it)"
  : >"$log"
  case $1 in
    test-vm) install_vm ;;
    test-runtimes)
      packages+=("${runtime_packages[@]}")
      install_packages
      ;;
    *) install_packages ;;
  esac
  install_npm_packages
  build
  exec 9>&-
  if [ "$did" -eq 1 ]; then say "Set-up: complete in $(seconds_since "$start") s"; fi
}

task=${1:-}
case $task in
  demo) main=apps/sandbox/demo.ts ;;
  test) main=tools/test.ts ;;
  test-vm | test-runtimes) main=tools/test.ts ;;
  check) main=tools/check.ts ;;
  bench) main=benchmarks/run.ts ;;
  setup) main="" ;;
  *)
    printf 'Usage: %s demo|test|test-vm|test-runtimes|check|bench|setup [ARGS…]\n' "$0" >&2
    exit 2
    ;;
esac
shift
set_up "$task"
if [[ $task == test-* ]]; then set -- "tests/${task#test-}" "$@"; fi
if [ "$task" = setup ]; then
  if [ "$did" -eq 0 ]; then say "Set-up: everything is in place ($(seconds_since "$start") s)"; fi
  exit 0
fi
[ -f "$root/$main" ] || fail "Cannot run \"$task\": no $main (check the checkout with git status)"
PATH=$root/node_modules/.bin:$PATH exec "$node" "$root/$main" "$@"
