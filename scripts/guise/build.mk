# The host command: build/guise.
HOST_GUISE := $(B)/guise
ALL += $(HOST_GUISE)

HOST_GUISE_OBJS := $(addprefix $(B)/scripts/guise/, guise.o client.o broker.o terminal.o top.o collect.o profile.o)
HOST_CFLAGS := -std=gnu11 -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -I. $(WARN) $(DEPS)

$(B)/scripts/guise/%.o: scripts/guise/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -c -o $@ $<

$(HOST_GUISE): $(HOST_GUISE_OBJS)
	@echo "  LD      $@"
	$(Q)$(CC) -o $@ $^ -ljson-c

-include $(HOST_GUISE_OBJS:.o=.d)
