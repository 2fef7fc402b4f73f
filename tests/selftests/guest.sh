# SPDX-License-Identifier: BSD-2-Clause
# In the guest, under bash: runs the self-tests of FOLDERS, each for LIMIT seconds at most, but those whose names are in the
# file `done`.  What a test said stands between two lines that begin with "selftest", which results.py reads.
# shellcheck shell=bash
set -u
export LIMIT
tar -C / --keep-directory-symlink -xf /run/guise/tests.tar
cp /run/guise/done /tmp/done
chmod 666 /tmp/done
dmesg -C

# one FOLDER PROGRAM ARGUMENT...: run it, unless it ran
one() {
	local name=$1/${2#./} status

	shift
	[ $# = 1 ] || name+=" ${*:2}"
	! grep -qxF -- "$name" /tmp/done || return 0
	echo "$name" >> /tmp/done
	echo "selftest begin $name"
	timeout -k 10 "$LIMIT" "$@" < /dev/null > /tmp/out 2>&1
	status=$?
	head -c 200000 /tmp/out
	dmesg -c | grep -E 'WARNING:|BUG:|BUG |Oops|\[#[0-9]+\]|Bad page|bad pmd' | sed 's/^\[[^]]*\] /selftest kernel /'
	printf '\nselftest end %s %s\n' "$status" "$name"
	return $status
}
export -f one

for folder in $FOLDERS; do
	cd "/opt/selftests/$folder" || exit
	case $folder in
	vm) # with its script's arguments and preparations, the same where there are no huge pages
		bash <(sed -e 's/^\t"\$@"$/\tone vm "$@"/' -e 's/^\t*exit 1$/\t:/' -e 's/^half_ufd_size_MB=.*/half_ufd_size_MB=128/' \
			-e 's/sudo -u nobody/runuser -u nobody --/' run_vmtests.sh) 2>&1
		one vm ./khugepaged
		;;
	futex)
		(cd functional && bash <(sed 's|^\./|one futex &|' run.sh) 2>&1)
		;;
	esac
	sed -n "s/^$folder:\([^.]*\)\$/\1/p" ../kselftest-list.txt > /tmp/programs # no scripts: see above
	while read -r program; do
		one "$folder" "./$program"
	done < /tmp/programs
	if [ "$folder" = timers ]; then
		for program in valid-adjtimex set-tai set-tz set-2038; do # of those that change the clock, those that end soon
			one timers "./$program"
		done
	fi
done
echo 'selftest over'
