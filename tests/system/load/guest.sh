# SPDX-License-Identifier: BSD-2-Clause
# In the guest: TIME seconds of parallel work, one kind after the other, then all at once.  A line for each that goes wrong.
# shellcheck shell=sh disable=SC2317
part=$((TIME / 14)) wrong=0 n=$(nproc)
[ "$n" = "$VCPUS" ] || { echo "there are $n CPUs"; wrong=1; }
dmesg --level=emerg,alert,crit,err,warn > /run/before

packed() {
	end=$(($(date +%s) + $1))
	while [ "$(date +%s)" -lt "$end" ]; do
		xz -T4 -1 -c --block-size=256KiB /usr/bin/perl | xz -T4 -dc | cmp - /usr/bin/perl || return 1
	done
}

messages() {
	end=$(($(date +%s) + $1))
	while [ "$(date +%s)" -lt "$end" ]; do
		hackbench -g 2 -l 50 && hackbench -g 2 -l 50 -p -T || return 1
	done
}

# A tree of C files, as many at once as there are CPUs; each time it comes to the same.
builds() (
	mkdir -p /root/tree && cd /root/tree && tar -xf /run/guise/tree.tar || exit
	end=$(($(date +%s) + $1))
	while [ "$(date +%s)" -lt "$end" ]; do
		# shellcheck disable=SC2016 # expanded by the inner shell
		find runtime hypervisor-kernel/lib -name '*.c' -print0 | xargs -0 -P "$n" -n 1 sh -c 'exec gcc -std=gnu11 -O2 -ffreestanding \
			-mno-sse -fno-pic -Iruntime/include -Ihypervisor-kernel/abi -Ihypervisor-kernel/lib -Iinclude -c -o "$0.o" "$0"' || exit
		find . -name '*.o' -exec sha256sum {} + | sort > sums.new
		[ -e sums ] || cp sums.new sums
		cmp sums sums.new && [ -s sums ] || exit
		find . -name '*.o' -delete
	done
)

files() {
	gcc -O2 -o /root/file /run/guise/file.c || return
	for i in 1 2 3 4; do
		/root/file "/root/file.$i" "$1" "$i" & checkers="${checkers:-} $!"
	done
	for checker in $checkers; do
		wait "$checker" || return
	done
}

# NAME COMMAND...
does() {
	name=$1
	shift
	if ! "$@" > "/run/$name.out" 2>&1; then
		echo "$name: status $?: $(tail -n 2 "/run/$name.out" | tr '\n' ' ')"
		return 1
	fi
}

stress() {
	does "$@" --timeout "$part" --verify --oomable || wrong=1
}

does xz packed "$part" || wrong=1
does sysbench-threads sysbench threads --threads=4 --time="$part" run || wrong=1
does sysbench-memory sysbench memory --threads=4 --time="$part" --memory-total-size=1T run || wrong=1
stress fork stress-ng --fork 4
stress vm stress-ng --vm 2 --vm-bytes 96M
stress futex stress-ng --futex 4
stress context stress-ng --context 4
stress mmap stress-ng --mmap 4 --mmap-bytes 32M
stress madvise stress-ng --madvise 4
stress signals stress-ng --sigq 2 --signest 2
does hackbench messages "$part" || wrong=1
does gcc builds "$part" || wrong=1
does files files "$part" || wrong=1
does xz-again packed "$part" & packer=$!
does hackbench-again messages "$part" & talker=$!
stress all stress-ng --fork 1 --vm 1 --vm-bytes 64M --futex 1 --context 1 --mmap 1 --mmap-bytes 16M
wait "$packer" || wrong=1
wait "$talker" || wrong=1
dmesg --level=emerg,alert,crit,err,warn > /run/after
if ! cmp -s /run/before /run/after; then
	echo 'Linux warns:'
	diff /run/before /run/after
	wrong=1
fi
exit $wrong
