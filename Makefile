# SPDX-License-Identifier: BSD-2-Clause
# Guise: `make help` lists what can be asked for.  Output goes to build/; nothing else is written in
# the tree.  Each room lists its own objects in its build.mk.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

# DEBUG=1 has the kernel check itself.
B ?= $(if $(DEBUG),build/debug,build)
export B
Q := $(if $(V),,@)
CC := gcc
# Functions whose address is taken have parameters that not each of them needs.
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
DEPS := -MMD -MP
ALL :=

# Settings reach scripts through the environment, as they were given: EXEC is not expanded.
MAKEOVERRIDES :=
ifneq ($(origin EXEC),undefined)
override export EXEC := $(value EXEC)
endif

# Where an ordinary user's shell does not look for system programs: mke2fs, debugfs, libvirtd.
export PATH := $(PATH):/usr/sbin:/sbin

# What the goals need is installed first; that takes no time when it is there.
GOALS := $(filter-out clean help,$(or $(MAKECMDGOALS),all))
NEEDS := $(if $(GOALS),build) $(if $(filter test% fuzz% coverage faults hostile selftests,$(GOALS)),test) $(if $(filter lint% test,$(GOALS)),lint) \
	$(if $(filter bench% faults,$(GOALS)),bench)
INSTALLED := $(if $(strip $(NEEDS)),$(shell scripts/deps $(NEEDS) >&2 || echo no))
$(if $(INSTALLED),$(error packages are missing))

include hypervisor-kernel/build.mk
include runtime/build.mk
include vmm/build.mk
include drivers-vm/build.mk
include scripts/guise/build.mk
include scripts/guised/build.mk
include images/build.mk
include tests/build.mk

.PHONY: all run boot-time clean help
all: $(ALL) ## build everything

# Only what the guest prints may be on standard output.
run: ## boot the Debian guest in QEMU: on this terminal, or for one command (EXEC)
	+@$(MAKE) $(if $(V),,-s) --no-print-directory all >&2
	@scripts/run; status=$$?; \
	[ $$status = 0 ] || echo $$status > $(B)/status.$$PPID; exit $$status

ifneq ($(filter run,$(MAKECMDGOALS)),)
-load $(B)/make-status.so(setup)
endif
$(B)/make-status.so: scripts/make-status.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -shared -fPIC -o $@ $<

boot-time: ## measure the time to the login prompt: native, Guise and Xen (RUNS=3)
	+@$(MAKE) $(if $(V),,-s) --no-print-directory all >&2
	@scripts/boot-time

clean: ## remove build/; guest images stay in ~/.cache/guise
	rm -rf $(B)

help: ## this list
	@echo 'Targets:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | sort -u | expand -t 14
	@echo
	@echo 'Settings, as in `make run MEM=2G`:'
	@sed -n 's/^#   *\([A-Z_]*=.*\)/  \1/p' scripts/run
