# SPDX-License-Identifier: BSD-2-Clause
# Runs in the guest, as root: prints a line a claim, reboots once on the way, and ends with status 3.
# SERIES and SIZE (MiB to write) stand before it.
# shellcheck shell=bash
state=/var/tmp/claims

ok() {
	echo "ok - $1"
}

no() {
	echo "not ok - $1: $2"
}

# like NAME PATTERN TEXT
like() {
	# shellcheck disable=SC2053 # a pattern
	if [[ $3 == $2 ]]; then ok "$1"; else no "$1" "'$3' is not like '$2'"; fi
}

# works NAME COMMAND...
works() {
	local name=$1 out

	shift
	if out=$("$@" 2>&1); then ok "$name"; else no "$name" "$* failed: ${out: -200}"; fi
}

now() {
	cut -d' ' -f1 /proc/uptime | tr -d .
}

quiet() {
	local bad

	bad=$(dmesg | grep -aE 'WARNING:|BUG:|Oops|Call Trace|I/O error|general protection|hung task' | head -n 1)
	if [ -z "$bad" ]; then ok "$1"; else no "$1" "$bad"; fi
}

# SIZE MiB: one block again and again, each under its number
blocks() {
	local i

	for ((i = 0; i < SIZE / 16; i++)); do
		echo "block $i"
		cat $state/block
	done
}

first_boot() {
	local a b

	mkdir -p $state
	like "the guest is Debian 12" '12.*' "$(cat /etc/debian_version)"
	like "its kernel is Debian's $SERIES" "$SERIES.*amd64" "$(uname -r)"
	works "it knows that it is a Xen PV guest" bash -c 'dmesg | grep -i "xen pv"'
	works "apt-get runs" apt-get --version
	like "its root is on the block device" '/dev/xvda*' "$(findmnt -no SOURCE /)"

	cat > $state/work.c << 'END'
#include <stdio.h>
#include <time.h>
int main(void)
{
	unsigned long h = 1, i;
	struct timespec t, last = { 0 };
	for (i = 0; i < 3000000; i++)
		h = h * 6364136223846793005ul + 1442695040888963407ul;
	for (i = 0; i < 20000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		if (t.tv_sec < last.tv_sec || (t.tv_sec == last.tv_sec && t.tv_nsec < last.tv_nsec))
			return 1;
		last = t;
	}
	printf("%lu\n", h);
	return 0;
}
END
	works "a program is compiled" tcc -o $state/work $state/work.c
	like "it computes what it should and its clock never goes back" 1604829609704563905 "$($state/work)"
	strace -f -o $state/trace $state/work > /dev/null
	like "reading the clock is no system call" 0 "$(grep -c clock_gettime $state/trace)"
	like "the clock source is one that user space reads" '*' "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
	a=$(now)
	sleep 2
	b=$(now)
	if ((b - a >= 190 && b - a < 600)); then
		ok "two seconds of sleep are two seconds"
	else
		no "two seconds of sleep are two seconds" "$((b - a)) hundredths"
	fi
	works "processes come and go" bash -c 'for i in {1..100}; do (exit 0) || exit 1; done; seq 1000 | xargs -n 50 -P 4 echo > /dev/null'
	quiet "the kernel has nothing to complain of"

	head -c 16777216 /dev/urandom > $state/block
	blocks > $state/big
	sync
	md5sum < $state/block > $state/sum
	sync
	reboot
	sleep 1000
}

second_boot() {
	ok "it reboots"
	if [ "$(md5sum < $state/block)" = "$(cat $state/sum)" ] && blocks | cmp - $state/big; then
		ok "$SIZE MiB written and synced are the same after a reboot"
	else
		no "$SIZE MiB written and synced are the same after a reboot" "they are not"
	fi
	quiet "the kernel has nothing to complain of after the reboot"
	exit 3
}

if [ -e $state/sum ]; then second_boot; else first_boot; fi
