# SPDX-License-Identifier: BSD-2-Clause
# Runs in the guest: partitions as disks.  xvdb and xvdc are empty, of 64 MiB; xvdd is read-only, of 4 MiB.
# shellcheck shell=bash

ok() {
	echo "ok - $1"
}

no() {
	echo "not ok - $1: $2"
}

forget() {
	echo 3 > /proc/sys/vm/drop_caches
}

# files DEVICE BLOCK: a file system with such blocks, so that requests consist of such pieces
files() {
	local name="files on $1 with blocks of $2 bytes come back as they were"

	mkfs.ext4 -q -b "$2" "/dev/$1" && mount "/dev/$1" /mnt && cp -r /usr/lib/systemd /mnt/ || {
		no "$name" 'no file system'
		return
	}
	(cd /usr/lib/systemd && find . -type f -exec md5sum {} +) > /var/tmp/sums
	umount /mnt
	forget
	mount "/dev/$1" /mnt
	if out=$(cd /mnt/systemd && md5sum --quiet -c /var/tmp/sums 2>&1) && fstrim /mnt; then
		ok "$name"
	else
		no "$name" "$out"
	fi
	umount /mnt
}

# direct DEVICE DISK SIZE...: 24 MiB past the page cache, written in pieces of the first size and read in the others
direct() {
	local device=/dev/$1 disk=$2 size name="requests of $3 to $4 bytes on $1 move just their bytes"

	head -c 25165824 /dev/urandom > /var/tmp/data
	dd if=/var/tmp/data of="$device" bs="$3" oflag=direct conv=fsync,notrunc status=none
	for size in "${@:4}"; do
		if ! dd if="$device" bs="$size" iflag=direct status=none | cmp -n 25165824 - /var/tmp/data; then
			no "$name" "$size"
			return
		fi
	done
	ok "$name"
	echo "sum $disk $(md5sum < /var/tmp/data)"
}

# discards DEVICE: the 8 MiB behind that
discards() {
	local name="a discard on $1 takes what it was told"

	tr '\0' '\377' < /dev/zero | dd of="/dev/$1" bs=1M seek=24 count=9 iflag=fullblock oflag=direct conv=notrunc status=none
	blkdiscard -o $((24 << 20)) -l $((8 << 20)) "/dev/$1" || {
		no "$name" 'it is refused'
		return
	}
	if [ "$(dd if="/dev/$1" bs=1M skip=24 count=9 iflag=direct status=none | tr -d '\0' | wc -c)" = $((1 << 20)) ]; then
		ok "$name"
	else
		no "$name" 'more, or less'
	fi
}

files xvdb 1024
files xvdc 4096
direct xvdb virtio.img 20480 131072 512000
direct xvdc nvme.img 20480 4096 1048576
discards xvdb
discards xvdc
name='a read-only disk is not written'
if dd if=/dev/zero of=/dev/xvdd bs=4096 count=1 conv=fsync status=none 2> /dev/null; then
	no "$name" 'it is'
else
	ok "$name"
fi
echo "sum read-only $(md5sum < /dev/xvdd)"
