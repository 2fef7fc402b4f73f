# SPDX-License-Identifier: BSD-2-Clause
# System tests: the kernel in QEMU.  The judge is the first domain of the test machine; what each
# domain that it builds runs is the program of claims.
S := $(B)/tests/system
comma := ,
SYSTEM_CFLAGS := -Itests/system/lib -fno-toplevel-reorder
SYSTEM_CLAIMS := traps breakpoints segments iret user paging memory multicall info events time vcpu grants guise cpu personality flushes hostile dma race residue

# What system tests boot: the same build, but for a kernel that compares its books when it is asked (guise fsck), and so at each
# test's end.  With DEBUG=1 each kernel does.
CHECKED := $(B)$(if $(DEBUG),,/checked)
CHECKED_KERNEL := $(CHECKED)/hypervisor-kernel/guise
CHECKED_ALL := $(ALL) $(CHECKED_KERNEL)
$(B)/checked/hypervisor-kernel/guise: $(KERNEL_OBJS) $(KERNEL_FSCK) $(KERNEL_LINK)
	$(call kernel_link,$(KERNEL_OBJS) $(KERNEL_FSCK),$(KERNEL_FSCK_WRAPPED))
	$(Q)ln -sfn $(patsubst %,../%,guise guised vmm drivers-vm tests faults) $(B)/checked/

JUDGE_OBJS := $(addprefix $(S)/judge/, main.o trial.o manage.o edu.o) $(addprefix $(B)/vmm/, pci.o domain.o native.o elf.o archive.o) \
	$(B)/drivers-vm/obj/virtio/virtio_cap.o
$(S)/judge/%.o: SYSTEM_CFLAGS += -Ivmm
CLAIM_OBJS := $(addprefix $(S)/lib/, main.o trap_entry.o trap.o pt.o user.o smp.o peer.o bystander.o) \
	$(SYSTEM_CLAIMS:%=$(S)/claims/%.o)

$(S)/%.o: tests/system/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_CFLAGS) $(SYSTEM_CFLAGS) -c -o $@ $<

$(S)/%.o: tests/system/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_CFLAGS) $(SYSTEM_CFLAGS) -c -o $@ $<

$(S)/vmm: $(JUDGE_OBJS) $(RUNTIME) runtime/native.lds
	$(Q)$(call native_link,$(JUDGE_OBJS))

$(S)/claims.elf: $(CLAIM_OBJS) $(RUNTIME) runtime/native.lds
	$(Q)$(call native_link,$(CLAIM_OBJS))

$(S)/archive.cpio: $(S)/vmm $(S)/claims.elf
	$(Q)scripts/newc vmm=$(S)/vmm claims=$(S)/claims.elf > $@

# Drivers as they are, with frontends that are not what they should be: $(S)/rings/blk and net.
RINGS := $(S)/rings
RINGS_SERVER := $(RINGS)/main.o $(filter-out $(B)/vmm/main.o,$(VMM_OBJS))
RINGS_OBJS := $(addprefix $(RINGS)/, main.o part.o blk_kind.o frontend.o attacks.o net_kind.o net_frontend.o net_attacks.o)
$(RINGS)/%.o: SYSTEM_CFLAGS := -Ivmm

$(RINGS)/vmm-blk: $(RINGS)/blk_kind.o
$(RINGS)/vmm-net: $(RINGS)/net_kind.o
$(RINGS)/vmm-%: $(RINGS_SERVER) $(RUNTIME) runtime/native.lds
	$(Q)$(call native_link,$(filter %.o,$^))

$(RINGS)/frontend-blk: $(RINGS)/frontend.o $(RINGS)/attacks.o
$(RINGS)/frontend-net: $(RINGS)/net_frontend.o $(RINGS)/net_attacks.o
$(RINGS)/frontend-%: $(RINGS)/part.o $(RUNTIME) runtime/native.lds
	$(Q)$(call native_link,$(filter %.o,$^))

$(RINGS)/archive-%: $(RINGS)/vmm-% $(RINGS)/frontend-% $(DRIVERS)
	$(Q)scripts/newc vmm=$(RINGS)/vmm-$* frontend=$(RINGS)/frontend-$* \
		$(foreach d,virtio-blk nvme virtio-net e1000e,drivers/$(d)=$(B)/drivers-vm/$(d)) > $@

# $(call rings,kind,name,arguments of QEMU)
rings = QEMU_ARGS="$(3)" tests/system/run $(CHECKED_KERNEL) $(RINGS)/archive-$(1) $(RINGS)/$(2).log
rings_disk = tests/system/debian/gpt $(RINGS)/$(1) 512 && \
	$(call rings,blk,$(1),-drive if=none$(comma)id=d$(comma)file=$(RINGS)/$(1)$(comma)format=raw -device $(2))
rings_net = $(call rings,net,$(1),-netdev user$(comma)id=n$(comma)restrict=on -device $(2))

# The smallest PV guest, of which there are many.
TINY_CFLAGS := -std=gnu11 -Iruntime/include -O2 -ffreestanding -fno-pic -mcmodel=kernel -fno-stack-protector -mgeneral-regs-only \
	-mno-red-zone -fno-asynchronous-unwind-tables $(WARN) $(DEPS)
tiny_link = ld -nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments \
	-T tests/system/many/tiny.lds -o $@ $(1)
TINY_OBJS := $(addprefix $(S)/many/, tiny.o entry.o)
$(S)/many/%.o: tests/system/many/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(TINY_CFLAGS) -c -o $@ $<

$(S)/many/%.o: tests/system/many/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(TINY_CFLAGS) -c -o $@ $<

$(S)/many/tiny: $(TINY_OBJS) tests/system/many/tiny.lds
	$(Q)$(call tiny_link,$(TINY_OBJS))

.SECONDARY: $(RINGS_SERVER) $(RINGS_OBJS)
.PHONY: load test-latency test-l4linux test-claims test-hide test-bochs test-cpus test-libvirt test-smp test-rings test-debian test-many test-machine test-model test-system test
test-rings: $(CHECKED_KERNEL) $(RINGS)/archive-blk $(RINGS)/archive-net ## hostile frontends harm neither a driver nor each other
	$(Q)tests/sum '$(call rings_disk,virtio-blk,virtio-blk-pci$(comma)drive=d$(comma)disable-legacy=on$(comma)iommu_platform=on)' \
		'$(call rings_disk,nvme,nvme$(comma)drive=d$(comma)serial=d)' \
		'$(call rings_net,virtio-net,virtio-net-pci$(comma)netdev=n$(comma)disable-legacy=on$(comma)iommu_platform=on$(comma)romfile=)' \
		'$(call rings_net,e1000e,e1000e$(comma)netdev=n$(comma)romfile=)'

test-claims: $(CHECKED_KERNEL) $(S)/archive.cpio ## claims about the kernel, each proved by a domain of its own
	$(Q)tests/system/run $(CHECKED_KERNEL) $(S)/archive.cpio $(S)/log $(CLAIM)

test-hide: $(CHECKED_KERNEL) $(S)/archive.cpio ## the same, while the kernel hides as on a CPU with Meltdown
	$(Q)tests/system/run $(CHECKED_KERNEL) $(S)/archive.cpio $(S)/log.hide hide $(CLAIM)

bochs = BOCHS=$(1) tests/system/run $(CHECKED_KERNEL) $(S)/archive.cpio $(S)/log.$(1).$(notdir $(2)) $(2)
test-bochs: $(CHECKED_KERNEL) $(S)/archive.cpio ## the claims on another emulator, which has PCIDs, x2APIC and TSC deadlines (BOCHS=tigerlake): minutes
	$(Q)scripts/deps bochs
	$(Q)$(call bochs,$(or $(BOCHS),tigerlake),$(CLAIM))

test-cpus: $(CHECKED_KERNEL) $(S)/archive.cpio ## a few of these, for what QEMU cannot show, on CPUs of two makers
	$(Q)scripts/deps bochs
	$(Q)tests/sum '$(call bochs,tigerlake,only=MOV)' 'SAYS=PCIDs $(call bochs,tigerlake,only=flush)' '$(call bochs,ryzen,only=MOV)' \
		'$(call bochs,tigerlake,only=random_machine)'

# An instruction takes eight ticks of the TSC then.  The largest guests need a large machine, where much else takes longer.
latency = QEMU_ARGS="-m $(1) -icount shift=3$(comma)sleep=off" tests/system/run $(B)/hypervisor-kernel/guise $(S)/archive.cpio \
	$(S)/log.latency$(1) profile longest=800000 $(2) $(CLAIM)
test-latency: $(B)/hypervisor-kernel/guise $(S)/archive.cpio ## the kernel never keeps a CPU to itself for more than 100,000 instructions
	$(Q)tests/sum '$(call latency,256)' '$(call latency,2048,only=of_a_large_guest)'

smp = CPUS=$(1) tests/system/run $(CHECKED_KERNEL) $(S)/archive.cpio $(S)/log.smp$(1) only=vCPU $(CLAIM)
test-smp: $(CHECKED_KERNEL) $(S)/archive.cpio ## claims about several vCPUs, on several CPUs (CPUS='4 8')
	$(Q)tests/sum $(foreach n,$(or $(CPUS),4 8),'$(call smp,$(n))')

test-debian: $(CHECKED_ALL) ## a stock Debian guest, and what the host says when it cannot be
	$(Q)B=$(CHECKED) tests/system/debian/run

test-l4linux: $(CHECKED_ALL) ## Debian on the patched kernel, if that is built (L4LINUX=1: build it)
	$(Q)B=$(CHECKED) tests/system/l4linux/run

test-many: $(CHECKED_ALL) $(S)/many/tiny ## many guests at once, and the host command
	$(Q)B=$(CHECKED) tests/system/many/run

test-machine: $(CHECKED_ALL) ## the whole machine under libvirt, from disk and CD, BIOS and UEFI
	$(Q)B=$(CHECKED) tests/system/machine/run

test-libvirt: $(CHECKED_ALL) ## the stock virsh against guised
	$(Q)B=$(CHECKED) tests/system/libvirt/run

load: $(CHECKED_ALL) ## ten minutes of hard parallel work on 2 and on 4 CPUs (TIME, CPUS, VCPUS, KERNEL; DEBUG=1: the debug build)
	$(Q)B=$(CHECKED) tests/system/load/run

# The longest first: sum starts them in this order.
SYSTEM_TESTS := test-debian test-machine test-libvirt test-many test-hostile test-faults test-claims test-hide test-latency test-l4linux test-nmi test-cpus test-smp test-rings
submakes = $(foreach t,$(1),'$(MAKE) -s --no-print-directory $(t)')

test-system: $(CHECKED_ALL) $(S)/archive.cpio $(S)/many/tiny ## all of these
	+$(Q)tests/sum $(call submakes,$(SYSTEM_TESTS))

test-model: ## how rings are adopted, checked with SPIN
	$(Q)B=$(B) tests/model/run

test: $(CHECKED_ALL) $(S)/archive.cpio $(S)/many/tiny $(L)/lockstep ## all that ends in a verdict: lint, test-unit, test-lockstep, test-broken, test-model, test-selftests, test-system
	+$(Q)tests/sum $(call submakes,$(SYSTEM_TESTS) test-unit test-lockstep test-broken test-model test-selftests lint)

-include $(JUDGE_OBJS:.o=.d) $(CLAIM_OBJS:.o=.d) $(RINGS_OBJS:.o=.d) $(TINY_OBJS:.o=.d)
