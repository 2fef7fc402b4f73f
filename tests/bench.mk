# The benchmark: static programs for the guest, and tests/bench/run, which boots and compares.
BENCH_DIR := $(B)/bench
BENCH_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Wshadow -Ihypervisor-kernel/abi $(DEPS)
BENCH_PROGRAMS := $(addprefix $(BENCH_DIR)/, rows uring apps)

$(BENCH_DIR)/%.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -c -o $@ $<

$(BENCH_PROGRAMS): %: %.o $(BENCH_DIR)/harness.o $(BENCH_DIR)/measure.o
	$(Q)$(CC) -static -pthread -o $@ $^

.PHONY: bench bench-quick
bench: $(ALL) $(BENCH_PROGRAMS) ## measure native, Guise with both kernels, and Xen (BENCH, MODE, SYSTEMS, RUNS, REPS, ROWS)
	@tests/bench/run $(B)

bench-quick: $(ALL) $(BENCH_PROGRAMS) ## the same in a few minutes: instructions, one boot of each
	@RUNS=1 REPS=3 SYSTEMS='native guise xen' tests/bench/run $(B)

.PHONY: bench-io bench-disk bench-net
bench-io: $(ALL) ## both of these, native, Guise and Xen (MODE, SYSTEMS, RUNS, OPS, MIB, IOMMU)
	@tests/bench/io $(B)
	@tests/bench/net $(B)

bench-disk: $(ALL) ## measure disks by fio (MODE, SYSTEMS, RUNS, OPS, ROWS, DISK_BUS, IOMMU)
	@tests/bench/io $(B)

bench-net: $(ALL) ## measure iperf3 to this machine and between guests (MODE, SYSTEMS, RUNS, MIB, ROWS, NET_MODEL, NETDEV, IOMMU)
	@tests/bench/net $(B)

.PHONY: bench-libvirt
bench-libvirt: $(ALL) ## seconds from virsh start to login, both ways, beside plain QEMU (RUNS)
	@tests/bench/libvirt $(B)

.PHONY: bench-scaling
bench-scaling: $(ALL) ## the same work on 1, 2 and 4 vCPUs: native, Guise and Xen (SYSTEMS, COUNTS, RUNS, TCG_THREAD)
	@tests/bench/scaling $(B)

-include $(wildcard $(BENCH_DIR)/*.d)
