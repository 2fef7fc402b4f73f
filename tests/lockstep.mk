# The kernel and a model of what it promises, in lock-step (tests/lockstep/).
L := $(B)/tests/lockstep
LOCKSTEP_STEPS ?= 300000
LOCKSTEP_SEED ?= 1
LOCKSTEP_FLAGS := -Itests/fuzz/include
LOCKSTEP_OPT := -O2
LOCKSTEP_OBJS := $(addprefix $(L)/own/, main.o drive.o drive_memory.o drive_grant.o drive_event.o compare.o model_memory.o model_grant.o model_event.o)
LOCKSTEP_LIB := $(UNIT_KERNEL_LIB:$(U)/%=$(L)/%)

$(L)/hypervisor-kernel/%.o: hypervisor-kernel/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(LOCKSTEP_FLAGS) $(UNIT_KERNEL_CFLAGS) $(LOCKSTEP_OPT) -c -o $@ $<

$(L)/debug/%.o: tests/debug/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(LOCKSTEP_FLAGS) $(UNIT_KERNEL_CFLAGS) $(LOCKSTEP_OPT) -c -o $@ $<

$(L)/kernel/%.o: tests/unit/kernel/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(LOCKSTEP_FLAGS) $(UNIT_KERNEL_CFLAGS) $(LOCKSTEP_OPT) -c -o $@ $<

$(L)/own/%.o: tests/lockstep/%.c tests/lockstep.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(LOCKSTEP_FLAGS) $(UNIT_KERNEL_CFLAGS) $(LOCKSTEP_OPT) -c -o $@ $<

$(L)/lockstep: $(LOCKSTEP_OBJS) $(LOCKSTEP_LIB)
	$(Q)$(TEST_CC) $(TEST_WATCH) $(UNIT_KERNEL_WRAP) -o $@ $^

.PHONY: test-lockstep
test-lockstep: $(L)/lockstep ## the kernel and its model in lock-step: LOCKSTEP_STEPS, LOCKSTEP_SEED
	@ASAN_OPTIONS=detect_leaks=0 $< $(LOCKSTEP_SEED) $(LOCKSTEP_STEPS) && echo '1 passed, 0 failed' || \
		{ echo '0 passed, 1 failed'; exit 1; }

.PHONY: test-broken
test-broken: $(L)/lockstep ## the kernel's files broken, one rule at a time: the model must notice
	@tests/lockstep/broken $(L) $< '$(UNIT_KERNEL_WRAP)' $(TEST_CC) $(LOCKSTEP_FLAGS) $(UNIT_KERNEL_CFLAGS) $(LOCKSTEP_OPT)

-include $(LOCKSTEP_OBJS:.o=.d) $(LOCKSTEP_LIB:.o=.d)
