# Fuzzers: what guests feed to parsers, rings and the kernel, by libFuzzer under the sanitizers.
F := $(B)/tests/fuzz
TIME ?= 300
FUZZ_TARGETS ?= $(FUZZ_KERNEL) $(FUZZ_NATIVE) guised
FUZZ_KERNEL := hypercall tables lockstep emulate archive dmar acpi
FUZZ_NATIVE := store config json elf gpt blk net_ring console_ring
FUZZ_FLAGS := -Itests/fuzz/include -O2 -fsanitize=fuzzer-no-link -Wno-missing-prototypes

# The kernel's, runtime's and server's files once more, instrumented: same flags as in unit.mk, same names behind $(F).
FUZZ_KERNEL_LIB := $(UNIT_KERNEL_LIB:$(U)/%=$(F)/%) $(F)/calls.o
FUZZ_NATIVE_LIB := $(F)/native.a

$(FUZZ_NATIVE_LIB): $(UNIT_NATIVE_LIB:$(U)/%=$(F)/%)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(F)/hypervisor-kernel/%.o: hypervisor-kernel/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_KERNEL_CFLAGS) $(FUZZ_FLAGS) -c -o $@ $<

$(F)/debug/%.o: tests/debug/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(UNIT_KERNEL_CFLAGS) -c -o $@ $<

$(F)/kernel/%.o: tests/unit/kernel/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(UNIT_KERNEL_CFLAGS) -c -o $@ $<

$(F)/runtime/%.o: runtime/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_NATIVE_CFLAGS) $(FUZZ_FLAGS) -c -o $@ $<

$(F)/vmm/%.o: vmm/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_NATIVE_CFLAGS) $(FUZZ_FLAGS) -c -o $@ $<

$(F)/drivers-vm/%.o: drivers-vm/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_NATIVE_CFLAGS) $(FUZZ_FLAGS) -c -o $@ $<

$(F)/native/%.o: tests/unit/native/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(UNIT_NATIVE_CFLAGS) -c -o $@ $<

$(F)/lockstep/%.o: tests/lockstep/%.c
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(UNIT_KERNEL_CFLAGS) -c -o $@ $<

$(F)/fuzz-lockstep: $(addprefix $(F)/lockstep/, drive.o drive_memory.o drive_grant.o drive_event.o compare.o model_memory.o model_grant.o model_event.o)

$(F)/input.o: tests/fuzz/input.c
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(TEST_CFLAGS) -c -o $@ $<

FUZZ_LINK = $(Q)$(TEST_CC) -fsanitize=fuzzer,address,undefined $(1) -o $@ $^

$(FUZZ_KERNEL:%=$(F)/%.o) $(F)/calls.o: $(F)/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(UNIT_KERNEL_CFLAGS) -c -o $@ $<

$(FUZZ_NATIVE:%=$(F)/%.o): $(F)/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(UNIT_NATIVE_CFLAGS) -c -o $@ $<

$(FUZZ_KERNEL:%=$(F)/fuzz-%): $(F)/fuzz-%: $(F)/%.o $(F)/input.o $(FUZZ_KERNEL_LIB)
	$(call FUZZ_LINK,$(UNIT_KERNEL_WRAP))

$(FUZZ_NATIVE:%=$(F)/fuzz-%): $(F)/fuzz-%: $(F)/%.o $(F)/input.o $(FUZZ_NATIVE_LIB)
	$(FUZZ_LINK)

# The libvirt daemon's.
FUZZ_GUISED_LIB := $(filter-out %/log.o,$(UNIT_GUISED_LIB:$(U)/%=$(F)/%))
$(F)/guised-lib/loop.o: UNIT_GUISED_CFLAGS += -Dloop_work=loop_work_in_thread
$(F)/guised-lib/file.o: UNIT_GUISED_CFLAGS += -Dfsync=fake_fsync

$(F)/guised-lib/%.o: scripts/guised/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_GUISED_CFLAGS) $(FUZZ_FLAGS) -c -o $@ $<

$(F)/guised/%.o: tests/unit/guised/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(UNIT_GUISED_CFLAGS) -c -o $@ $<

$(F)/guised.o: tests/fuzz/guised.c
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(FUZZ_FLAGS) $(UNIT_GUISED_CFLAGS) -iquote tests/unit/guised -c -o $@ $<

$(F)/fuzz-guised: $(F)/guised.o $(F)/input.o $(FUZZ_GUISED_LIB)
	$(Q)$(TEST_CC) -fsanitize=fuzzer,address,undefined -pthread -o $@ $^ $(shell pkg-config --libs libxml-2.0 libtirpc)

.PHONY: fuzz fuzz-afl fuzz-corpus
fuzz: ## all fuzzers in turn, in TIME=300 seconds together; FUZZ_TARGETS='store elf' chooses
	$(Q)$(MAKE) --no-print-directory $(FUZZ_TARGETS:%=$(F)/fuzz-%)
	@tests/fuzz/run $(F) $(TIME) $(FUZZ_TARGETS)

# The same harness for AFL++, which chooses inputs otherwise.
AFL_TARGET ?= lockstep
fuzz-afl: ## one target (AFL_TARGET=lockstep) by AFL++, for TIME=300 seconds
	$(Q)AFL_QUIET=1 $(MAKE) --no-print-directory F=$(B)/tests/afl TEST_CC=afl-clang-fast $(B)/tests/afl/fuzz-$(AFL_TARGET)
	@tests/fuzz/afl $(B)/tests/afl $(TIME) $(AFL_TARGET)

# The seeds, and the short ones of the inputs that were found since and reach what no other does.
fuzz-corpus:
	$(Q)$(MAKE) --no-print-directory $(FUZZ_TARGETS:%=$(F)/fuzz-%)
	@tests/fuzz/corpus-keep $(F) $(FUZZ_TARGETS)

-include $(wildcard $(F)/*.d $(F)/*/*.d $(F)/*/*/*.d $(F)/*/*/*/*.d)
