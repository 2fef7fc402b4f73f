# The libvirt daemon: build/guised.
GUISED := $(B)/guised
ALL += $(GUISED)

GUISED_OBJS := $(addprefix $(B)/scripts/guised/, main.o loop.o log.o error.o wire.o rpc.o client.o calls.o calls_domain.o \
	calls_device.o calls_stats.o stream.o events.o domain.o file.o def.o def_change.o def_config.o def_device.o def_driver.o xml.o backend.o machine.o plug.o qmp.o link.o shelf.o program.o)
GUISED_CFLAGS = $(HOST_CFLAGS) -D_GNU_SOURCE -pthread $(shell pkg-config --cflags libxml-2.0 libtirpc)

$(B)/scripts/guised/%.o: scripts/guised/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUISED_CFLAGS) -c -o $@ $<

$(GUISED): $(GUISED_OBJS) $(B)/scripts/guise/client.o
	@echo "  LD      $@"
	$(Q)$(CC) -pthread -o $@ $^ -ljson-c $(shell pkg-config --libs libxml-2.0 libtirpc)

-include $(GUISED_OBJS:.o=.d)
