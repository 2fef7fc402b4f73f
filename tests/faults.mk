# SPDX-License-Identifier: BSD-2-Clause
# Faults in drivers: a program that works in the guest, and tests/faults/run, which injects them.
FAULTS_DIR := $(B)/faults

$(FAULTS_DIR)/load: tests/faults/load.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) $(DEPS) -static -pthread -o $@ $<

$(FAULTS_DIR)/canary.o: tests/faults/canary.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(TINY_CFLAGS) -c -o $@ $<

$(FAULTS_DIR)/canary: $(FAULTS_DIR)/canary.o $(S)/many/entry.o tests/system/many/tiny.lds
	$(Q)$(call tiny_link,$(FAULTS_DIR)/canary.o $(S)/many/entry.o)

.PHONY: faults test-faults
faults: $(CHECKED_ALL) $(FAULTS_DIR)/load $(FAULTS_DIR)/canary ## inject faults into drivers under load (FAULTS, SEED, CLASS, DRIVERS)
	@tests/faults/run $(CHECKED)

# With so few, one that nobody notices is several percent.
test-faults: $(CHECKED_ALL) $(FAULTS_DIR)/load $(FAULTS_DIR)/canary ## a few faults, always the same
	@env -u CLASS -u DRIVERS FIO=0 FAULTS=32 SEED=1 LEAST=90 tests/faults/run $(CHECKED)

-include $(FAULTS_DIR)/load.d $(FAULTS_DIR)/canary.d
