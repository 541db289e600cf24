#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# First process of the virtual machine: the host's file system, read-only under a layer in memory, then /task in it.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
while read -r module; do
  $b insmod "/modules/$module" || echo "Cannot load module $module"
done </modules/order
end() {
  echo "vm: exit code $1"
  $b poweroff -f
}
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /lower || end 125
$b mount -t tmpfs tmpfs /layer
$b mkdir /layer/upper /layer/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work overlay /root || end 125
for directory in proc sys dev; do $b mount --move "/$directory" "/root/$directory"; done
for directory in run tmp; do $b mount -t tmpfs tmpfs "/root/$directory"; done
$b mount -t bpf bpf /root/sys/fs/bpf
$b mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
$b ip link set lo up
$b cp /task /root/run/task
# The root of a mount namespace, not of a process alone: whoever enters one again finds it.
exec $b switch_root /root /bin/sh -c '/bin/sh /run/task; echo "vm: exit code $?"; exec /bin/busybox poweroff -f'
