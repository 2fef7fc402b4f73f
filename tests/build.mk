# Tests and checks.  `make test` runs all that end in a verdict.
include tests/unit.mk
include tests/fuzz.mk
include tests/lockstep.mk
include tests/coverage.mk
include tests/lint.mk
-include tests/system.mk
include tests/bench.mk
include tests/faults.mk
include tests/hostile.mk
include tests/selftests.mk
include tests/debug.mk
