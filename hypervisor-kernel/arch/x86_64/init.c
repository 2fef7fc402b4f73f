/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init.c - from the boot loader's word to a running CPU: memory map, direct map, frame table.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/vtd.h>
#include <core/boot.h>
#include <core/lib.h>
#include <xen/arch-x86/hvm/start_info.h>

#define LOW_LIMIT (1ull << 30) /* mapped by head.S: early allocations come from here */

struct boot_info boot_info;
struct cpu boot_cpu IN_GATE;
uint64_t guest_l4[512];
struct stacks cpu_stacks[MAX_CPUS] __attribute__((aligned(4096)));
extern char _start_kernel[], _data_kernel[], _end_kernel[];
extern char _gate_text[], _gate_text_end[], _gate_data[], _gate_data_end[];

static paddr_t early_next; /* bump allocator behind the kernel image, until the allocator is fed */
static uint64_t *m2p;

mfn_t virt_to_mfn(const void *p)
{
	uint64_t va = (uint64_t)p;

	return (va >= DIRECT_VIRT ? va - DIRECT_VIRT : va - KERNEL_VIRT) >> PAGE_SHIFT;
}

void m2p_set(mfn_t m, gfn_t g)
{
	if (m < frame_max)
		m2p[m] = g;
}

/* While only head.S's tables are there. */
static void *early_virt(paddr_t p)
{
	return (void *)(KERNEL_VIRT + p);
}

static void ram_add(paddr_t start, paddr_t end)
{
	start = ALIGN_UP(start, PAGE_SIZE);
	end &= ~(PAGE_SIZE - 1);
	if (start < end && boot_info.nr_ram < BOOT_MAX_RANGES)
		boot_info.ram[boot_info.nr_ram++] = (struct boot_range){ start, end };
}

static void pvh_parse(paddr_t at)
{
	const struct hvm_start_info *si = early_virt(at);
	const struct hvm_modlist_entry *mod = early_virt(si->modlist_paddr);
	const struct hvm_memmap_table_entry *map = early_virt(si->memmap_paddr);

	if (si->magic != XEN_HVM_START_MAGIC_VALUE)
		return;
	boot_info.rsdp = si->rsdp_paddr;
	if (si->cmdline_paddr)
		snprintf(boot_info.cmdline, sizeof(boot_info.cmdline), "%s",
			 (const char *)early_virt(si->cmdline_paddr));
	if (si->nr_modules) {
		boot_info.archive = mod->paddr;
		boot_info.archive_len = mod->size;
	}
	for (uint32_t i = 0; si->version >= 1 && i < si->memmap_entries; i++)
		if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
			ram_add(map[i].addr, map[i].addr + map[i].size);
}

static void multiboot2_parse(paddr_t at)
{
	static char rsdp[64];
	const uint32_t *total = early_virt(at);
	const char *p = early_virt(at + 8), *end = (const char *)total + *total;

	while (p + 8 <= end) {
		const uint32_t *u = (const uint32_t *)p, type = u[0], size = u[1];

		if (type == 0 || size < 8)
			break;
		switch (type) {
		case 1:
			snprintf(boot_info.cmdline, sizeof(boot_info.cmdline), "%s", p + 8);
			break;
		case 3:
			if (!boot_info.archive) {
				boot_info.archive = u[2];
				boot_info.archive_len = u[3] - u[2];
			}
			break;
		case 6:
			for (uint32_t off = 16; off + 24 <= size && u[2] >= 24; off += u[2]) {
				const uint64_t *e = (const uint64_t *)(p + off);

				if ((uint32_t)e[2] == 1)
					ram_add(e[0], e[0] + e[1]);
			}
			break;
		case 14: /* ACPI old and new: a copy of the RSDP; keep it where it stays mapped */
		case 15:
			memcpy(rsdp, p + 8, MIN(size - 8, sizeof(rsdp)));
			boot_info.rsdp = (uint64_t)rsdp - KERNEL_VIRT; /* the direct map has it too */
			break;
		}
		p += ALIGN_UP(size, 8u);
	}
}

static bool overlaps(paddr_t s, paddr_t e, paddr_t a, paddr_t b)
{
	return s < b && a < e;
}

/* Memory for the lifetime of the system, before there is an allocator: above all that was taken
 * before, clear of the archive, in what head.S mapped. */
static paddr_t early_alloc(uint64_t size, uint64_t align)
{
	paddr_t a = boot_info.archive & ~(PAGE_SIZE - 1),
		b = ALIGN_UP(boot_info.archive + boot_info.archive_len, PAGE_SIZE);
	paddr_t best = LOW_LIMIT;

	for (unsigned i = 0; i < boot_info.nr_ram; i++) {
		const struct boot_range *r = &boot_info.ram[i];
		paddr_t p = ALIGN_UP(MAX(early_next, r->start), align);

		if (overlaps(p, p + size, a, b))
			p = ALIGN_UP(b, align);
		if (p + size <= MIN(r->end, LOW_LIMIT))
			best = MIN(best, p);
	}
	if (best == LOW_LIMIT)
		panic("too little memory below 1 GiB for the kernel's tables (%lu KiB wanted)", size >> 10);
	early_next = best + size;
	return best;
}

static uint64_t *table_at(uint64_t *entry)
{
	if (!(*entry & PTE_P)) {
		paddr_t p = early_alloc(PAGE_SIZE, PAGE_SIZE);

		memset(early_virt(p), 0, PAGE_SIZE);
		*entry = p | PTE_P | PTE_RW | PTE_A | PTE_U;
	}
	return early_virt(*entry & PTE_FRAME);
}

/* The entry for va at this level, below one of a root. */
static uint64_t *entry_at(uint64_t *e, uint64_t va, unsigned level)
{
	for (unsigned l = 3; l >= level; l--)
		e = &table_at(e)[pt_index(va, l)];
	return e;
}

static void map_2m(uint64_t va, paddr_t p, uint64_t flags)
{
	*entry_at(&boot_l4[pt_index(va, 4)], va, 2) = p | flags | PTE_P | PTE_A | PTE_D | PTE_PS;
}

static bool in(uint64_t va, const char *from, const char *end)
{
	return va >= (uint64_t)from && va < (uint64_t)end;
}

/* The image alone, page by page: text and constants not writable, data not executable.  The gate is where the CPU is
 * while it changes between a guest's root and the kernel's, and what it looks at by itself. */
static void map_kernel(void)
{
	uint64_t slot = 0, gate = 0, data = (uint64_t)_data_kernel;

	for (uint64_t va = (uint64_t)_start_kernel; va < (uint64_t)_end_kernel; va += PAGE_SIZE) {
		uint64_t stack = va - (uint64_t)cpu_stacks, at = stack % sizeof(struct stacks);
		uint64_t e = (va - KERNEL_VIRT) | PTE_P | PTE_A | PTE_D | (va < data ? 0 : PTE_RW | PTE_NX);

		if (stack < sizeof(cpu_stacks) && at <= offsetof(struct stacks, guard) && !(at & PAGE_SIZE))
			continue;
		*entry_at(&slot, va, 1) = e;
		if (in(va, _gate_text, _gate_text_end) || in(va, _gate_data, _gate_data_end) ||
		    (stack < sizeof(cpu_stacks) && at < offsetof(struct stacks, guard)))
			*entry_at(&gate, va, 1) = e;
	}
	boot_l4[SLOT_KERNEL] = slot;
	if (speculation & SPECULATION_HIDDEN)
		guest_l4[SLOT_KERNEL] = gate;
	else
		memcpy(guest_l4, boot_l4, sizeof(guest_l4));
}

static bool is_ram(paddr_t start, paddr_t end)
{
	for (unsigned i = 0; i < boot_info.nr_ram; i++)
		if (overlaps(start, end, boot_info.ram[i].start, boot_info.ram[i].end))
			return true;
	return false;
}

/* QEMU puts the archive so high that its end may reach into what the firmware kept for itself. */
static void ram_add_archive_end(void)
{
	paddr_t a = boot_info.archive, b = ALIGN_UP(a + boot_info.archive_len, PAGE_SIZE);

	for (unsigned i = 0; i < boot_info.nr_ram; i++)
		if (boot_info.ram[i].start <= a && boot_info.ram[i].end > a && boot_info.ram[i].end < b)
			boot_info.ram[i].end = b;
}

#define MIB2 (2ull << 20)

static void memory_init(void)
{
	uint64_t m2p_bytes, table_bytes;
	paddr_t top, m2p_at;

	if (!boot_info.nr_ram)
		panic("the boot loader gave no memory map");
	ram_add_archive_end();
	for (unsigned i = 0; i < boot_info.nr_ram; i++)
		frame_max = MAX(frame_max, boot_info.ram[i].end >> PAGE_SHIFT);
	top = MAX(4ull << 30, ALIGN_UP(frame_max << PAGE_SHIFT, MIB2));
	early_next = ALIGN_UP((uint64_t)_end_kernel - KERNEL_VIRT, PAGE_SIZE);

	/* Machine-to-physical: a guest kernel may read it, nobody but this kernel writes it. */
	m2p_bytes = ALIGN_UP(frame_max * sizeof(uint64_t), MIB2);
	m2p_at = early_alloc(m2p_bytes, MIB2);
	for (uint64_t off = 0; off < m2p_bytes; off += MIB2)
		map_2m(M2P_VIRT + off, m2p_at + off, PTE_U | PTE_NX);
	m2p = (uint64_t *)(DIRECT_VIRT + m2p_at);

	table_bytes = ALIGN_UP(frame_max * sizeof(struct frame), PAGE_SIZE);
	frame_table = (struct frame *)(DIRECT_VIRT + early_alloc(table_bytes, PAGE_SIZE));

	/* The direct map: all RAM, and devices below 4 GiB uncached. */
	for (paddr_t p = 0; p < top; p += MIB2)
		map_2m(DIRECT_VIRT + p, p, PTE_RW | PTE_NX | (is_ram(p, p + MIB2) ? 0 : PTE_PCD | PTE_PWT));
	map_kernel();
	boot_l4[0] = 0; /* the identity map of head.S */
	this_cpu()->cr3 = (uint64_t)boot_l4 - KERNEL_VIRT;
	write_cr3(this_cpu()->cr3);

	memset(m2p, 0xff, m2p_bytes);
	for (mfn_t m = 0; m < frame_max; m++)
		frame_table[m] = (struct frame){ .state = FRAME_STATE(OWNER_NONE, 0) };
}

/* Give the allocator all RAM but the first MiB, the kernel, its tables and the archive. */
static void ram_release(void)
{
	paddr_t a = boot_info.archive & ~(PAGE_SIZE - 1),
		b = ALIGN_UP(boot_info.archive + boot_info.archive_len, PAGE_SIZE);

	for (unsigned i = 0; i < boot_info.nr_ram; i++) {
		paddr_t s = boot_info.ram[i].start, e = boot_info.ram[i].end, cut[4] = { 0, early_next, a, b };

		for (unsigned k = 0; k < 4 && s < e; k += 2) {
			if (!overlaps(s, e, cut[k], cut[k + 1]))
				continue;
			for (mfn_t m = MAX(s, cut[k]) >> PAGE_SHIFT; m < MIN(e, cut[k + 1]) >> PAGE_SHIFT; m++)
				if (m >= 0x100)
					frame_table[m].state = FRAME_STATE(OWNER_KERNEL, 0);
			if (s < cut[k])
				frame_add_ram(s >> PAGE_SHIFT, cut[k] >> PAGE_SHIFT);
			s = cut[k + 1];
		}
		if (s < e)
			frame_add_ram(s >> PAGE_SHIFT, e >> PAGE_SHIFT);
	}
}

void boot_entry(uint32_t kind, paddr_t at);
void boot_entry(uint32_t kind, paddr_t at)
{
	struct cpu *c = &boot_cpu;

	c->self = c;
	c->stacks = cpu_stacks;
	c->stack_top = (uint64_t)(c->stacks + 1);
	uart_init();
	segment_init_cpu(c);
	if (kind == 1)
		pvh_parse(at);
	else if (kind == 2)
		multiboot2_parse(at);
	else
		panic("started by neither PVH nor multiboot2");
	fpu_init_cpu();
	speculation_init();
	patch_init();
	write_cr4(read_cr4() | (cpuid(7, 0).ebx & 1u << 7 ? X86_CR4_SMEP : 0) |
		  (cpuid(7, 0).ecx & 1u << 2 ? X86_CR4_UMIP : 0));
	memory_init();
	ram_release();
	kmain();
}

/* The parts that need the allocator or ACPI. */
void arch_init(void)
{
	boot_info.acpi_root = acpi_init(boot_info.rsdp);
	outb(0x21, 0xff); /* both 8259s silent */
	outb(0xa1, 0xff);
	tsc_init();
	apic_init_cpu();
	vtd_init(acpi_dmar, DMAR_MOST);
}

void arch_start_guests(void)
{
	this_cpu()->resched = true;
	exit_to_guest();
}

#define PVPANIC_PORT	 0x505 /* QEMU's docs/specs/pvpanic.rst: reads as the events it takes	*/
#define PVPANIC_PANICKED 1

void arch_crash(void)
{
	uint8_t events = inb(PVPANIC_PORT);

	if (events != 0xff && (events & PVPANIC_PANICKED))
		outb(PVPANIC_PORT, PVPANIC_PANICKED);
	arch_reset();
}

void arch_reset(void)
{
	static const uint16_t none[5]; /* limit and base	*/

	outb(0xcf9, 2);
	outb(0xcf9, 6);
	outb(0x64, 0xfe);
	asm volatile("lidt %0; int3" ::"m"(none));
	for (;;)
		;
}
