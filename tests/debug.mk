# SPDX-License-Identifier: BSD-2-Clause
# The system tests on a kernel that checks itself (tests/debug/checks.c).
DEBUG_TESTS := test-claims test-hide test-smp test-rings test-debian
DEBUG_MAKE := $(MAKE) -s --no-print-directory DEBUG=1 B=$(B)/debug

.PHONY: test-debug test-nmi
test-debug: ## claims, rings and a Debian guest on a kernel that checks itself
	+$(Q)tests/sum $(DEBUG_TESTS:%='$(DEBUG_MAKE) %')

test-nmi: $(S)/archive.cpio ## NMIs between any two instructions, and machine checks
	+$(Q)$(DEBUG_MAKE) $(HOSTILE_KERNEL)
	$(Q)tests/system/nmi $(HOSTILE_KERNEL) $(S)/archive.cpio $(S)/log.nmi
