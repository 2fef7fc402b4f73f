# SPDX-License-Identifier: BSD-2-Clause
# System tests: the kernel in QEMU.  The judge is the first domain of the test machine; what each
# domain that it builds runs is the program of claims.
S := $(B)/tests/system
comma := ,
SYSTEM_CFLAGS := -Itests/system/lib -fno-toplevel-reorder
SYSTEM_CLAIMS := traps segments iret user paging memory multicall info events time vcpu grants guise cpu hostile

JUDGE_OBJS := $(addprefix $(S)/judge/, main.o trial.o manage.o) $(addprefix $(B)/vmm/, domain.o native.o elf.o archive.o)
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

# The block drivers as they are, with frontends that are not what they should be.
RINGS_OBJS := $(S)/rings/main.o $(filter-out $(B)/vmm/main.o,$(VMM_OBJS))
FRONTEND_OBJS := $(addprefix $(S)/rings/, frontend.o attacks.o)
$(S)/rings/%.o: SYSTEM_CFLAGS := -Ivmm

$(S)/rings/vmm: $(RINGS_OBJS) $(RUNTIME) runtime/native.lds
	$(Q)$(call native_link,$(RINGS_OBJS))

$(S)/rings/frontend: $(FRONTEND_OBJS) $(RUNTIME) runtime/native.lds
	$(Q)$(call native_link,$(FRONTEND_OBJS))

$(S)/rings/archive: $(S)/rings/vmm $(S)/rings/frontend $(DRIVERS)
	$(Q)scripts/newc vmm=$(S)/rings/vmm frontend=$(S)/rings/frontend drivers/virtio-blk=$(B)/drivers-vm/virtio-blk \
		drivers/nvme=$(B)/drivers-vm/nvme > $@

# $(call rings,name,device)
rings = tests/system/debian/gpt $(S)/rings/$(1) 512 && QEMU_ARGS="-drive if=none,id=d,file=$(S)/rings/$(1),format=raw \
	-device $(2)" tests/system/run $(GUISE) $(S)/rings/archive $(S)/rings/$(1).log

.PHONY: test-claims test-rings test-debian test-machine test-system test
test-rings: $(GUISE) $(S)/rings/archive ## hostile frontends harm neither a block driver nor each other
	$(Q)tests/sum '$(call rings,virtio-blk,virtio-blk-pci$(comma)drive=d$(comma)disable-legacy=on$(comma)iommu_platform=on)' \
		'$(call rings,nvme,nvme$(comma)drive=d$(comma)serial=d)'

test-claims: $(GUISE) $(S)/archive.cpio ## claims about the kernel, each proved by a domain of its own
	$(Q)tests/system/run $(GUISE) $(S)/archive.cpio $(S)/log $(CLAIM)

test-debian: $(ALL) ## a stock Debian guest, and what the host says when it cannot be
	$(Q)B=$(B) tests/system/debian/run

test-machine: $(ALL) ## the whole machine under libvirt, from disk and CD, BIOS and UEFI
	$(Q)B=$(B) tests/system/machine/run

# The longest first: sum starts them in this order.
SYSTEM_TESTS := test-debian test-claims test-rings test-machine
submakes = $(foreach t,$(1),'$(MAKE) -s --no-print-directory $(t)')

test-system: $(ALL) $(S)/archive.cpio ## all of these
	+$(Q)tests/sum $(call submakes,$(SYSTEM_TESTS))

test: $(ALL) $(S)/archive.cpio ## all that ends in a verdict: lint, test-unit, test-system
	+$(Q)tests/sum $(call submakes,$(SYSTEM_TESTS) test-unit lint)

-include $(JUDGE_OBJS:.o=.d) $(CLAIM_OBJS:.o=.d) $(S)/rings/main.d $(FRONTEND_OBJS:.o=.d)
