# Checks that need no run of the code.  Last line: N passed, N failed.
.PHONY: lint lint-programs
lint: ## check sources: two compilers, analyzer, headers, format, cppcheck, shellcheck, size
	@tests/lint/run $(B)

lint-programs:
	@printf '%s\n' $(GUISE) $(VMM) $(DRIVERS) $(HOST_GUISE) $(GUISED)
