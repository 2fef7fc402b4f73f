# Unit tests: the kernel's, the runtime's and the server's own C files on the host, under the address
# and undefined-behaviour sanitizers.  Last line: N passed, N failed.
U := $(B)/tests/unit
TEST_CC := clang
TEST_WATCH := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
TEST_CFLAGS := -std=gnu11 -g $(TEST_WATCH) \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-gnu-zero-variadic-macro-arguments $(DEPS)

# ---- the kernel's files, with the host as one more architecture ----
UNIT_KERNEL_CFLAGS := $(TEST_CFLAGS) -DDEBUG -Itests/unit/kernel/include -Ihypervisor-kernel/include -Ihypervisor-kernel/abi

UNIT_KERNEL_FILES := \
	core/frame core/frame_alloc core/memory core/domain core/domain_op core/vcpu core/sched core/timer \
	core/boot core/first_domain core/guest_area core/version core/hypercall core/event core/grant core/dma core/handle core/irq core/console \
	arch/x86_64/walk arch/x86_64/fill arch/x86_64/tlb arch/x86_64/flush arch/x86_64/refresh arch/x86_64/mmu arch/x86_64/personality \
	arch/x86_64/uaccess \
	arch/x86_64/emulate arch/x86_64/msr arch/x86_64/upcall arch/x86_64/vcpu arch/x86_64/guest_cpu \
	arch/x86_64/segment arch/x86_64/speculation arch/x86_64/iommu arch/x86_64/dmar arch/x86_64/acpi lib/archive lib/string lib/vsnprintf
UNIT_KERNEL_LIB := $(UNIT_KERNEL_FILES:%=$(U)/hypervisor-kernel/%.o) \
	$(addprefix $(U)/kernel/, arch_fake.o mmu_fake.o iommu_fake.o guest.o tables.o hostile.o) $(addprefix $(U)/debug/, fsck.o handover.o locks.o)
UNIT_KERNEL_WRAP := $(KERNEL_HANDOVER_WRAPPED:%=-Wl,--wrap=%)
UNIT_KERNEL_TESTS := $(addprefix $(U)/kernel/, \
	fsck_test.o handover_test.o lock_test.o frame_test.o frame_alloc_test.o walk_test.o tlb_test.o flush_test.o tlb_random_test.o \
	large_test.o event_test.o grant_test.o grant_copy_test.o handle_test.o speculation_test.o \
	sched_test.o timer_test.o hypercall_test.o manage_test.o vcpu_test.o emulate_test.o upcall_test.o domain_test.o \
	guest_cpu_test.o personality_test.o iommu_test.o dmar_test.o acpi_test.o boot_test.o quota_test.o lib_test.o)

# The host's own are in arch_fake.c: these would execute CLTS and LLDT, or take all the host has for a guest's.
%/arch/x86_64/guest_cpu.o: UNIT_KERNEL_CFLAGS += -Dhc_fpu_taskswitch=x86_fpu_taskswitch
%/arch/x86_64/segment.o: UNIT_KERNEL_CFLAGS += '-Dasm=' '-Dvolatile(...)=' -Wno-uninitialized -Wno-unused-variable
%/arch/x86_64/uaccess.o: UNIT_KERNEL_CFLAGS += -Dcopy_from_guest=uaccess_from_guest -Dcopy_to_guest=uaccess_to_guest

# The host's own lets another CPU have the lock first.
%/debug/locks.o: UNIT_KERNEL_CFLAGS += -Dlock_wanted=order_wanted

# Its calls use the stack below rsp.
%/arch/x86_64/speculation.o: UNIT_KERNEL_CFLAGS += -mno-red-zone

# The host has its own of these, which the sanitizers watch: the kernel's are tested under other names.
%/hypervisor-kernel/lib/string.o %/hypervisor-kernel/lib/vsnprintf.o: UNIT_KERNEL_CFLAGS += \
	$(foreach f,memcpy memmove memset memcmp strlen strnlen strcmp strncmp vsnprintf snprintf,-D$(f)=kernel_$(f)) -fno-builtin

$(U)/hypervisor-kernel/%.o: hypervisor-kernel/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_KERNEL_CFLAGS) -c -o $@ $<

$(U)/debug/%.o: tests/debug/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_KERNEL_CFLAGS) -c -o $@ $<

$(U)/kernel/%.o: tests/unit/kernel/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_KERNEL_CFLAGS) -c -o $@ $<

# ---- the runtime's and the server's files ----
UNIT_NATIVE_CFLAGS := $(TEST_CFLAGS) -Iruntime/include -Ihypervisor-kernel/abi -iquote vmm -iquote runtime -Idrivers-vm

UNIT_NATIVE_LIB := $(addprefix $(U)/runtime/, ring_index.o backend.o vbd.o vif.o net.o net_out.o blk_ring.o net_ring.o net_switch.o net_share.o net_dialogue.o net_header.o net_segment.o net_merge.o net_packet.o \
	net_mac.o console_ring.o store_wire.o gpt.o crc32.o number.o heap.o \
	string.o pci.o) $(addprefix $(U)/drivers-vm/, nvme/nvme_queue.o e1000e/ring.o virtio/virtio_cap.o virtio/virtqueue.o) $(addprefix $(U)/vmm/, pci.o config.o patience.o json.o log.o control.o elf.o store.o store_tree.o store_tx.o store_watch.o store_wire.o pvguest.o native.o) $(U)/native/fake.o $(U)/native/torn.o
UNIT_NATIVE_TESTS := $(addprefix $(U)/native/, json_test.o control_test.o store_test.o store_tx_test.o store_wire_test.o config_test.o elf_test.o build_test.o \
	pci_test.o patience_test.o blk_ring_test.o console_ring_test.o gpt_test.o heap_test.o text_test.o \
	nvme_queue_test.o virtqueue_test.o net_ring_test.o net_switch_test.o net_share_test.o net_dialogue_test.o net_ear_test.o watch_test.o net_header_test.o net_segment_test.o e1000e_test.o)

# Its ports and hypercalls are the test's.
%/vmm/pci.o $(U)/native/pci_test.o: UNIT_NATIVE_CFLAGS := -Itests/unit/native/pci $(UNIT_NATIVE_CFLAGS)
# What the host has as well, or tests replace, is tested under another name.
$(U)/runtime/string.o: UNIT_NATIVE_CFLAGS += -fno-builtin \
	-Dstrchr=runtime_strchr -Dstrrchr=runtime_strrchr
# The order of stores into shared pages is looked at where a barrier stands between them.
$(U)/runtime/blk_ring.o $(U)/runtime/net_ring.o: UNIT_NATIVE_CFLAGS += '-Dwmb()=fake_wmb()' -include tests/unit/native/wmb.h
$(U)/runtime/heap.o: UNIT_NATIVE_CFLAGS += -Dheap_alloc=runtime_heap_alloc -Dheap_free=runtime_heap_free \
	-Dheap_free_bytes=runtime_heap_free_bytes

$(U)/runtime/%.o: runtime/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_NATIVE_CFLAGS) -c -o $@ $<

$(U)/vmm/%.o: vmm/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_NATIVE_CFLAGS) -c -o $@ $<

$(U)/drivers-vm/%.o: drivers-vm/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_NATIVE_CFLAGS) -c -o $@ $<

$(U)/native/%.o: tests/unit/native/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_NATIVE_CFLAGS) -c -o $@ $<

# ---- the libvirt daemon's files, with a machine that does at once what it is told ----
UNIT_GUISED_CFLAGS := $(TEST_CFLAGS) -D_GNU_SOURCE -iquote scripts/guised $(shell pkg-config --cflags libxml-2.0 libtirpc 2> /dev/null)
UNIT_GUISED_LIB := $(addprefix $(U)/guised-lib/, wire.o xml.o file.o def.o def_change.o def_config.o def_device.o def_driver.o error.o log.o loop.o rpc.o client.o calls.o calls_domain.o \
	calls_device.o calls_stats.o stream.o events.o domain.o) $(U)/guised/fake.o
UNIT_GUISED_TESTS := $(addprefix $(U)/guised/, def_test.o rpc_test.o)

$(U)/guised-lib/loop.o: UNIT_GUISED_CFLAGS += -Dloop_work=loop_work_in_thread
$(U)/guised-lib/file.o: UNIT_GUISED_CFLAGS += -Dfsync=fake_fsync

$(U)/guised-lib/%.o: scripts/guised/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_GUISED_CFLAGS) -c -o $@ $<

$(U)/guised/%.o: tests/unit/guised/%.c tests/unit.mk
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(UNIT_GUISED_CFLAGS) -c -o $@ $<

$(U)/main.o: tests/unit/main.c
	@mkdir -p $(@D)
	$(Q)$(TEST_CC) $(TEST_CFLAGS) -c -o $@ $<

TEST_LINK = $(Q)$(TEST_CC) $(TEST_WATCH) $(1) -o $@ $^ $(shell pkg-config --libs check)

$(U)/unit-kernel: $(U)/main.o $(UNIT_KERNEL_LIB) $(UNIT_KERNEL_TESTS)
	$(call TEST_LINK,$(UNIT_KERNEL_WRAP))

$(U)/unit-native: $(U)/main.o $(UNIT_NATIVE_LIB) $(UNIT_NATIVE_TESTS)
	$(TEST_LINK)

$(U)/unit-guised: $(U)/main.o $(UNIT_GUISED_LIB) $(UNIT_GUISED_TESTS)
	$(Q)$(TEST_CC) $(TEST_WATCH) -pthread -o $@ $^ $(shell pkg-config --libs check libxml-2.0 libtirpc)

UNIT_PROGRAMS := $(U)/unit-kernel $(U)/unit-native $(U)/unit-guised

# Leaks are not looked for: each test ends with its process.
.PHONY: test-unit
test-unit: $(UNIT_PROGRAMS)
	@{ for p in $(UNIT_PROGRAMS); do \
		echo "$${p##*/}"; ASAN_OPTIONS=detect_leaks=0 $$p; \
	done; echo 'unit-kernel, on a CPU with PCIDs'; PCID=1 ASAN_OPTIONS=detect_leaks=0 $(U)/unit-kernel; } 2>&1 | tee $(U)/log; \
	awk '/^[0-9]+%: Checks:/ { all += $$3; bad += $$5; n++ } \
		END { lost = $(words $(UNIT_PROGRAMS)) + 1 - n; printf "%d passed, %d failed\n", all - bad, bad + lost; \
			exit bad + lost > 0 }' $(U)/log

-include $(UNIT_KERNEL_LIB:.o=.d) $(UNIT_KERNEL_TESTS:.o=.d) $(UNIT_NATIVE_LIB:.o=.d) $(UNIT_NATIVE_TESTS:.o=.d) $(U)/main.d
-include $(UNIT_GUISED_LIB:.o=.d) $(UNIT_GUISED_TESTS:.o=.d)
