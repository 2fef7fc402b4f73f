# SPDX-License-Identifier: BSD-2-Clause
# The driver VMs: build/drivers-vm/<name>, a native domain each.
DRIVERS := $(addprefix $(B)/drivers-vm/, virtio-blk virtio-net e1000e nvme serial dead-blk dead-net hello)
ALL += $(DRIVERS)

driver_objs = $(addprefix $(B)/drivers-vm/obj/, $(1))
VIRTIO_OBJS := $(call driver_objs, virtio/virtio_cap.o virtio/virtio_pci.o virtio/virtqueue.o)
VIRTIO_BLK_OBJS := $(call driver_objs, virtio-blk/main.o) $(VIRTIO_OBJS)
VIRTIO_NET_OBJS := $(call driver_objs, virtio-net/main.o) $(VIRTIO_OBJS)
NVME_OBJS := $(call driver_objs, nvme/main.o nvme/nvme.o nvme/nvme_queue.o)
E1000E_OBJS := $(call driver_objs, e1000e/main.o e1000e/ring.o)
SERIAL_OBJS := $(call driver_objs, serial/main.o serial/uart.o)
HELLO_OBJS := $(call driver_objs, hello/main.o)

$(B)/drivers-vm/obj/%.o: drivers-vm/%.c runtime/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_CFLAGS) -Idrivers-vm -c -o $@ $<

$(B)/drivers-vm/virtio-blk: $(VIRTIO_BLK_OBJS)
$(B)/drivers-vm/virtio-net: $(VIRTIO_NET_OBJS)
$(B)/drivers-vm/nvme: $(NVME_OBJS)
$(B)/drivers-vm/e1000e: $(E1000E_OBJS)
$(B)/drivers-vm/serial: $(SERIAL_OBJS)
$(B)/drivers-vm/hello: $(HELLO_OBJS)
$(B)/drivers-vm/dead-blk: $(call driver_objs, dead/blk.o)
$(B)/drivers-vm/dead-net: $(call driver_objs, dead/net.o)
$(DRIVERS): $(RUNTIME) runtime/native.lds
	@echo "  LD      $@"
	$(Q)$(call native_link,$(filter %.o,$^))

-include $(patsubst %.o,%.d,$(VIRTIO_BLK_OBJS) $(VIRTIO_NET_OBJS) $(E1000E_OBJS) $(NVME_OBJS) $(SERIAL_OBJS) $(HELLO_OBJS) $(call driver_objs, dead/blk.o dead/net.o))
