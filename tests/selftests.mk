# SPDX-License-Identifier: BSD-2-Clause
# Linux's own self-tests, on the patched kernel: natively, and on Guise.
.PHONY: selftests test-selftests
selftests: $(CHECKED_ALL) ## Linux's self-tests on the patched kernel, natively and on Guise, compared (FOLDERS, LIMIT, SYSTEMS, KEEP): hours
	@tests/selftests/run $(CHECKED)

test-selftests: ## that their comparison sees what it should
	$(Q)tests/selftests/check
