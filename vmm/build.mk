# The VMM server, the first domain: build/vmm/vmm.
VMM := $(B)/vmm/vmm
ALL += $(VMM)

VMM_OBJS := $(addprefix $(B)/vmm/, main.o config.o driver.o supervise.o patience.o guest.o guest_store.o domain.o pvguest.o native.o elf.o \
	store.o store_tree.o store_tx.o store_watch.o store_wire.o peer.o console.o log.o json.o control.o command.o profile.o pci.o slot.o shelf.o power.o acpi.o archive.o) \
	$(B)/drivers-vm/obj/virtio/virtio_cap.o

$(B)/vmm/%.o: vmm/%.c runtime/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_CFLAGS) -c -o $@ $<

$(B)/vmm/pci.o: NATIVE_CFLAGS += -Idrivers-vm

$(B)/vmm/archive.o: hypervisor-kernel/lib/archive.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_CFLAGS) -c -o $@ $<

$(VMM): $(VMM_OBJS) $(RUNTIME) runtime/native.lds
	@echo "  LD      $@"
	$(Q)$(call native_link,$(VMM_OBJS))

-include $(VMM_OBJS:.o=.d)
