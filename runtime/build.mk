# SPDX-License-Identifier: BSD-2-Clause
# The library that every native domain links.

NATIVE_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-stack-protector -mno-sse -mno-mmx \
	-mno-red-zone -mgeneral-regs-only -fno-strict-aliasing -fno-asynchronous-unwind-tables -ffile-prefix-map=$(CURDIR)=. \
	-Iruntime/include -Ihypervisor-kernel/abi -Ihypervisor-kernel/lib $(WARN) $(DEPS) $(EXTRA)

RUNTIME := $(B)/runtime/libruntime.a
RUNTIME_OBJS := $(B)/runtime/lib/string.o $(B)/runtime/lib/vsnprintf.o $(addprefix $(B)/runtime/, entry.o start.o event.o time.o grant.o window.o store.o \
	store_wire.o heap.o print.o string.o number.o console_ring.o device.o pci.o gpt.o crc32.o \
	backend.o blk.o ring_index.o blk_ring.o vbd.o partition.o net.o net_tx.o net_rx.o net_out.o net_copy.o net_merge.o net_segment.o net_share.o net_dialogue.o net_ring.o net_header.o net_switch.o net_mac.o net_packet.o vif.o)

# $(call native_link,objects): the recipe that links a native domain.
native_link = ld -nostdlib -static -z noexecstack --no-warn-rwx-segments -T runtime/native.lds -o $@ $(1) $(RUNTIME)

$(RUNTIME): $(RUNTIME_OBJS)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/runtime/lib/%.o: hypervisor-kernel/lib/%.c runtime/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_CFLAGS) -c -o $@ $<

$(B)/runtime/%.o: runtime/%.c runtime/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_CFLAGS) -c -o $@ $<

$(B)/runtime/%.o: runtime/%.S runtime/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_CFLAGS) -c -o $@ $<

ALL += $(RUNTIME)

-include $(RUNTIME_OBJS:.o=.d)
