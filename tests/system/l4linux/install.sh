# SPDX-License-Identifier: BSD-2-Clause
# In the guest, under bash: its package manager installs the patched kernel.  It is to be found as /boot/vmlinuz-installed.
# shellcheck shell=bash
set -eu
dpkg -i /run/guise/linux.deb > /dev/null
wrong=$(dpkg -V "$(dpkg-deb -f /run/guise/linux.deb Package)")
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
cp /boot/vmlinuz-*-guise /boot/vmlinuz-installed
