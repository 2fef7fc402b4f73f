# SPDX-License-Identifier: BSD-2-Clause
# A hostile guest: domains that make random hypercalls, beside a Debian guest.
H := $(B)/hostile
HOSTILE_OBJS := $(S)/hostile/hostile.o $(addprefix $(S)/lib/, main.o trap_entry.o trap.o pt.o user.o smp.o peer.o bystander.o)
HOSTILE_KERNEL := $(B)/debug/hypervisor-kernel/guise
$(S)/hostile/server.o: SYSTEM_CFLAGS += -Ivmm

$(H)/hostile: $(HOSTILE_OBJS) $(RUNTIME) runtime/native.lds
	@mkdir -p $(@D)
	$(Q)$(call native_link,$(HOSTILE_OBJS))

# The VMM server, which builds such domains as if they were guests.
$(H)/vmm: $(S)/hostile/server.o $(VMM_OBJS) $(RUNTIME) runtime/native.lds
	@mkdir -p $(@D)
	$(Q)$(call native_link,$(addprefix --wrap=,domain_begin pv_layout_plan pv_build_step) $(S)/hostile/server.o $(VMM_OBJS))

.PHONY: hostile test-hostile
hostile: $(ALL) $(H)/hostile $(H)/vmm $(FAULTS_DIR)/load ## random hypercalls beside a Debian guest (TIME, SEED, LIFE, ONLY)
	+$(Q)$(MAKE) -s --no-print-directory DEBUG=1 B=$(B)/debug $(HOSTILE_KERNEL)
	@tests/system/hostile/run $(B) $(HOSTILE_KERNEL)

test-hostile: ## two minutes of them, always the same
	+@env -u ONLY -u LIFE TIME=120 SEED=1 $(MAKE) -s --no-print-directory hostile

-include $(S)/hostile/hostile.d $(S)/hostile/server.d
