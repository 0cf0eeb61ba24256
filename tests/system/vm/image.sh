#!/bin/sh
# Debian 12 with airpost installed by the first line of docs/OPERATIONS.md: $1/disk.img, vmlinuz,
# initrd. As root, from the root of the project; $1/root is kept, and only airpost renewed in it.
set -eu
root=$1/root
mkdir -p "$1"
if [ ! -d "$root/boot" ]; then
    debootstrap --variant=minbase --include=linux-image-amd64,systemd-sysv,udev,dbus,kmod,procps,\
python3-venv,ca-certificates,qemu-guest-agent bookworm "$root.new"
    mv "$root.new" "$root"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo '/dev/vda / ext4 defaults 0 1' > "$root/etc/fstab"
rm -rf "$root/opt/airpost" "$root/root/airpost"
mkdir "$root/root/airpost"
tar c --exclude=.venv --exclude=.git --exclude=./build --exclude='.*_cache' . | tar x -C "$root/root/airpost"
cp tests/system/vm/stick.sh tests/system/vm/pump.py "$root/root/"
sed -n '/^## Under systemd/,$p' docs/OPERATIONS.md | sed -n '/^```sh/,/^```$/p;/^```$/q' \
    | grep -v '^```' > "$root/root/install.sh"
chroot "$root" sh -exc "cd /root/airpost && $(head -n 1 "$root/root/install.sh")"
cp "$root"/boot/vmlinuz-* "$1/vmlinuz"
cp "$root"/boot/initrd.img-* "$1/initrd"
rm -f "$1/disk.img"
mke2fs -q -t ext4 -d "$root" "$1/disk.img" 3G
