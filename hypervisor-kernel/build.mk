# The kernel: build/hypervisor-kernel/guise, an ELF64 with a PVH note and a multiboot2 header.
GUISE := $(B)/hypervisor-kernel/guise
ALL += $(GUISE)

# The kernel's few indirect calls go through retpolines.
RETPOLINES := $(if $(findstring clang,$(CC)),-mretpoline,-mindirect-branch=thunk -mindirect-branch-register)
# With DEBUG=1 undefined behaviour is an exception (UD2), arrays on the stack have a guard word, and tests/debug/
# looks after memory, CPUs that wait, and all the kernel's books.
KERNEL_DEBUG := -DDEBUG -fsanitize=undefined -fsanitize-undefined-trap-on-error -fstack-protector-strong -mstack-protector-guard=global
KERNEL_WRAPPED := frame_alloc frame_free kpages_alloc kpages_free kmain arch_relax arch_idle return_to_guest trap_paranoid apic_init_cpu
KERNEL_HANDOVER_WRAPPED := frame_give frame_release arch_tlb_flush arch_unmap_grant grant_unmap_all
# What compares the books (guise fsck) is a part of such a kernel, and of the one that system tests boot, whose other objects
# are those of $(GUISE).
KERNEL_FSCK := $(addprefix $(B)/tests/debug/, fsck.o rest.o)
KERNEL_FSCK_WRAPPED := arch_resched_done hc_system_op
KERNEL_CFLAGS = -std=gnu11 -O2 -g -ffreestanding -fPIE -fvisibility=hidden -mno-red-zone \
	-mgeneral-regs-only -fno-strict-aliasing -fno-jump-tables -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
	-ffile-prefix-map=$(CURDIR)=. \
	-Ihypervisor-kernel/include -Ihypervisor-kernel/abi -I$(B)/hypervisor-kernel/arch/x86_64 $(WARN) $(DEPS) $(RETPOLINES) $(if $(DEBUG),$(KERNEL_DEBUG),-fno-stack-protector) $(EXTRA)

KERNEL_OBJS := $(addprefix $(B)/hypervisor-kernel/, \
	arch/x86_64/head.o arch/x86_64/entry.o arch/x86_64/trampoline.o arch/x86_64/smp.o \
	arch/x86_64/init.o arch/x86_64/segment.o arch/x86_64/traps.o arch/x86_64/upcall.o arch/x86_64/context.o \
	arch/x86_64/guest_cpu.o arch/x86_64/vcpu.o arch/x86_64/fpu.o arch/x86_64/emulate.o arch/x86_64/cpuid.o \
	arch/x86_64/msr.o arch/x86_64/uaccess.o arch/x86_64/speculation.o \
	arch/x86_64/walk.o arch/x86_64/fill.o arch/x86_64/tlb.o arch/x86_64/flush.o arch/x86_64/refresh.o arch/x86_64/mmu.o arch/x86_64/personality.o \
	arch/x86_64/apic.o arch/x86_64/ioapic.o arch/x86_64/acpi.o arch/x86_64/dmar.o arch/x86_64/iommu.o arch/x86_64/vtd.o arch/x86_64/tsc.o arch/x86_64/uart.o \
	core/boot.o core/first_domain.o core/panic.o core/console.o \
	core/domain.o core/domain_op.o core/vcpu.o core/sched.o core/timer.o core/guest_area.o \
	core/frame.o core/frame_alloc.o core/memory.o core/version.o core/hypercall.o \
	core/event.o core/grant.o core/dma.o core/handle.o core/irq.o \
	lib/archive.o lib/string.o lib/vsnprintf.o)

KERNEL_OBJS += $(if $(DEBUG),$(addprefix $(B)/tests/debug/, checks.o handover.o locks.o) $(KERNEL_FSCK))
# The archive aligns its files by 4, and x86 does not mind.
$(B)/hypervisor-kernel/core/first_domain.o: KERNEL_DEBUG += -fno-sanitize=alignment

$(B)/hypervisor-kernel/arch/x86_64/asm-offsets.h: hypervisor-kernel/arch/x86_64/asm-offsets.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out $(DEPS),$(KERNEL_CFLAGS)) -MMD -MT $@ -MF $@.d -S -o $@.s $<
	$(Q)sed -n 's/^[[:space:]]*#define \([A-Z_0-9]*\) \$$*\([0-9]*\)$$/#define \1 \2/p' $@.s > $@

$(B)/hypervisor-kernel/%.o: hypervisor-kernel/%.c hypervisor-kernel/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(B)/tests/debug/%.o: tests/debug/%.c hypervisor-kernel/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(B)/hypervisor-kernel/%.o: hypervisor-kernel/%.S $(B)/hypervisor-kernel/arch/x86_64/asm-offsets.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

KERNEL_LD := ld -nostdlib -static -z max-page-size=4096 -z noexecstack -T hypervisor-kernel/arch/x86_64/kernel.lds
# $(call kernel_link,objects,functions that are wrapped): the symbol table for backtraces is made from a first link and
# stands behind all code and data.
define kernel_link
	@echo "  LD      $@"
	@mkdir -p $(@D)
	$(Q)awk -f hypervisor-kernel/symbols.awk < /dev/null > $@.symbols.S
	$(Q)$(CC) -c -o $@.symbols.o $@.symbols.S
	$(Q)$(KERNEL_LD) $(2:%=--wrap=%) -o $@.tmp $(1) $@.symbols.o
	$(Q)nm -n $@.tmp | awk -f hypervisor-kernel/symbols.awk > $@.symbols.S
	$(Q)$(CC) -c -o $@.symbols.o $@.symbols.S
	$(Q)$(KERNEL_LD) $(2:%=--wrap=%) -o $@.tmp $(1) $@.symbols.o
	$(Q)mv $@.tmp $@
endef
KERNEL_LINK := hypervisor-kernel/arch/x86_64/kernel.lds hypervisor-kernel/symbols.awk hypervisor-kernel/build.mk
$(GUISE): $(KERNEL_OBJS) $(KERNEL_LINK)
	$(call kernel_link,$(KERNEL_OBJS),$(if $(DEBUG),$(KERNEL_WRAPPED) $(KERNEL_HANDOVER_WRAPPED) $(KERNEL_FSCK_WRAPPED)))

-include $(KERNEL_OBJS:.o=.d) $(KERNEL_FSCK:.o=.d) $(B)/hypervisor-kernel/arch/x86_64/asm-offsets.h.d
