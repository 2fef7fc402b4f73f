# What tests on the host reach of the kernel: unit tests, and the model in lock-step.  By gcc and gcov, without sanitizers.
COVERAGE := $(B)/coverage
COVERAGE_PROGRAMS := $(COVERAGE)/o/unit-kernel $(COVERAGE)/l/lockstep

.PHONY: coverage
coverage: ## lines and branches of the kernel that tests on the host reach: a table, and HTML in build/coverage
	$(Q)$(MAKE) --no-print-directory U=$(COVERAGE)/o L=$(COVERAGE)/l LOCKSTEP_OPT= TEST_CC=gcc TEST_WATCH='-w -O0 --coverage -Wl,-u,__gcov_dump' \
		$(COVERAGE_PROGRAMS) $(COVERAGE)/o/hypervisor-kernel/core/panic.o
	@tests/coverage/run $(COVERAGE) $(COVERAGE_PROGRAMS)
