/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * first_domain.c - build the VMM server, domain 0, from the boot archive.
 *
 * Guest frames in order: the ELF image, start_info, page tables, the list of machine frames, the
 * archive itself (its frames change hands), stack, heap.  The layout is the one of every native
 * domain (guise.h).  What goes wrong here has no one to be reported to: panic with the reason.
 */
#include <archive.h>
#include <core/boot.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <elf.h>

#define STACK_PAGES 16
#define PTE_TABLE   0x67 /* present, writable, user, accessed, dirty: same at each level */

/* Files of the archive begin at multiples of 4. */
typedef Elf64_Ehdr __attribute__((aligned(4))) elf_header_t;
typedef Elf64_Phdr __attribute__((aligned(4))) elf_segment_t;

static uint64_t *mfn_of; /* machine frame of each guest frame, while building */

static uint64_t *guest_frame(uint64_t g)
{
	return mfn_to_virt(mfn_of[g]);
}

static void guest_write(uint64_t va, const void *from, size_t len)
{
	const char *p = from;

	while (len) {
		size_t off = va & (PAGE_SIZE - 1), n = MIN(len, PAGE_SIZE - off);

		memcpy((char *)guest_frame((va - GUISE_NATIVE_BASE) >> PAGE_SHIFT) + off, p, n);
		va += n;
		p += n;
		len -= n;
	}
}

/* Bytes of memory the image needs above GUISE_NATIVE_BASE, all segments checked, and put there if asked. */
static uint64_t elf_segments(const void *elf, size_t size, bool load)
{
	const elf_header_t *e = elf;
	const elf_segment_t *ph;
	uint64_t top = 0;

	if (size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, 4) || e->e_ident[4] != ELFCLASS64 ||
	    e->e_machine != EM_X86_64 || e->e_phentsize != sizeof(*ph) || e->e_phoff > size ||
	    e->e_phnum > (size - e->e_phoff) / sizeof(*ph))
		panic("the boot archive's 'vmm' is not an x86-64 ELF program");
	ph = (const void *)((const char *)elf + e->e_phoff);
	for (unsigned i = 0; i < e->e_phnum; i++, ph++) {
		if (ph->p_type != PT_LOAD)
			continue;
		if (ph->p_vaddr < GUISE_NATIVE_BASE || ph->p_memsz > 1ull << 28 || ph->p_vaddr > 1ull << 29 ||
		    ph->p_filesz > ph->p_memsz || ph->p_offset > size || ph->p_filesz > size - ph->p_offset)
			panic("the boot archive's 'vmm' has a bad segment");
		top = MAX(top, ph->p_vaddr + ph->p_memsz - GUISE_NATIVE_BASE);
		if (load)
			guest_write(ph->p_vaddr, (const char *)elf + ph->p_offset, ph->p_filesz);
	}
	return top;
}

struct layout {
	uint64_t start_info, tables, nr_tables, p2m, nr_p2m, archive, nr_archive, stack, heap, nr;
};

static struct layout layout_plan(uint64_t image_pages)
{
	uint64_t first = boot_info.archive >> PAGE_SHIFT;
	uint64_t last = (boot_info.archive + boot_info.archive_len + PAGE_SIZE - 1) >> PAGE_SHIFT;
	uint64_t heap_pages = boot_number("vmm_mem", 64) << 8, window = GUISE_NATIVE_WINDOW_SIZE >> 21, most;
	struct layout l;

	l.nr_archive = last - first;
	l.nr = image_pages + 1 + l.nr_archive + STACK_PAGES + heap_pages;
	most = l.nr + l.nr / 128 + window + 16; /* the list and the tables list and map themselves, too */
	l.nr_p2m = most / 512 + 1;
	l.nr_tables = 4 + most / 512 + 1 + window;
	l.nr += l.nr_p2m + l.nr_tables;
	l.start_info = image_pages;
	l.tables = l.start_info + 1;
	l.p2m = l.tables + l.nr_tables;
	l.archive = l.p2m + l.nr_p2m;
	l.stack = l.archive + l.nr_archive;
	l.heap = l.stack + STACK_PAGES;
	if (GUISE_NATIVE_BASE + l.nr * PAGE_SIZE > GUISE_NATIVE_WINDOW)
		panic("the boot archive is too large: %lu MiB", boot_info.archive_len >> 20);
	return l;
}

static void frames_get(struct domain *d, const struct layout *l)
{
	uint64_t first = boot_info.archive >> PAGE_SHIFT;

	for (uint64_t g = 0; g < l->nr; g++) {
		if (g >= l->archive && g < l->stack) {
			mfn_of[g] = first + (g - l->archive);
			if (frame_give(frame_of(mfn_of[g]), OWNER_KERNEL, d->id))
				panic("the boot archive lies outside usable memory");
			m2p_set(mfn_of[g], g);
			domain_add_frame(d, mfn_of[g]);
		} else if (domain_populate(d, g, 1, &mfn_of[g]) != 1) {
			panic("too little memory for the VMM server (%lu MiB wanted)", l->nr >> 8);
		}
	}
}

static uint64_t pte(uint64_t g)
{
	return mfn_of[g] << PAGE_SHIFT | PTE_TABLE;
}

/* Top table first, then the third level, two second levels, first levels of memory and window. */
static void tables_build(const struct layout *l)
{
	uint64_t l4 = l->tables, l3 = l4 + 1, l2 = l4 + 2, l2w = l4 + 3, l1 = l4 + 4;

	guest_frame(l4)[0] = pte(l3);
	guest_frame(l3)[0] = pte(l2);
	guest_frame(l3)[GUISE_NATIVE_WINDOW >> 30] = pte(l2w);
	for (uint64_t g = 0; g < l->nr; g++) {
		guest_frame(l1 + g / 512)[g % 512] = pte(g);
		guest_frame(l2)[(GUISE_NATIVE_BASE >> 21) + g / 512] = pte(l1 + g / 512);
	}
	l1 += ALIGN_UP(l->nr, 512) / 512;
	for (uint64_t i = 0; i < GUISE_NATIVE_WINDOW_SIZE >> 21; i++)
		guest_frame(l2w)[i] = pte(l1 + i);
}

static uint64_t va_of(uint64_t g)
{
	return GUISE_NATIVE_BASE + (g << PAGE_SHIFT);
}

static void start_info_write(struct domain *d, const struct layout *l)
{
	start_info_t *si = (start_info_t *)guest_frame(l->start_info);

	memcpy(si->magic, "xen-3.0-x86_64", 15);
	si->nr_pages = l->nr;
	si->shared_info = d->shared_mfn << PAGE_SHIFT;
	si->pt_base = va_of(l->tables);
	si->nr_pt_frames = l->nr_tables;
	si->mfn_list = va_of(l->p2m);
	si->mod_start = va_of(l->archive) + (boot_info.archive & (PAGE_SIZE - 1));
	si->mod_len = boot_info.archive_len;
	si->first_p2m_pfn = l->heap;
	snprintf((char *)si->cmd_line, sizeof(si->cmd_line), "%s", boot_info.cmdline);
}

static void root_handles(struct domain *d)
{
	const struct handle roots[] = {
		[GUISE_ROOT_MMIO] = { .kind = GUISE_HANDLE_MMIO, .nr = arch_frames() },
		[GUISE_ROOT_PORT] = { .kind = GUISE_HANDLE_PORT, .nr = 65536 },
		[GUISE_ROOT_IRQ] = { .kind = GUISE_HANDLE_IRQ, .nr = 1ull << 31 },
		[GUISE_ROOT_MEMORY] = { .kind = GUISE_HANDLE_MEMORY, .nr = 1 },
		[GUISE_ROOT_SYSTEM] = { .kind = GUISE_HANDLE_SYSTEM, .nr = 1 },
		[GUISE_ROOT_DEVICE] = { .kind = GUISE_HANDLE_DEVICE, .nr = 65536 },
	};

	memcpy(d->handles, roots, sizeof(roots));
	handle_ports_changed(d);
}

void first_domain_build(void)
{
	const char *archive = (const char *)mfn_to_virt(0) + boot_info.archive;
	struct guise_domain_create how = { .priority = GUISE_PRIO_SERVER,
					   .paging = GUISE_DOMAIN_NATIVE,
					   .max_vcpus = 1 };
	struct layout l;
	struct domain *d;
	const void *elf;
	size_t size;
	int rc;

	if (!boot_info.archive_len)
		panic("no boot archive was given (QEMU: -initrd FILE)");
	elf = archive_find(archive, boot_info.archive_len, "vmm", &size);
	if (!elf)
		panic("the boot archive is damaged or holds no 'vmm' (a cpio archive of format newc is wanted)");
	l = layout_plan((elf_segments(elf, size, false) + PAGE_SIZE - 1) / PAGE_SIZE);
	mfn_of = kpages_alloc(order_of(l.nr * 8), NULL);
	how.max_frames = l.nr + 64;
	d = domain_create(&how, &rc);
	while (d && (rc = (int)tlb_grow(d)) == HC_CONTINUE)
		;
	if (!mfn_of || !d || rc)
		panic("too little memory for the VMM server");
	frames_get(d, &l);
	elf_segments(elf, size, true);
	tables_build(&l);
	guest_write(va_of(l.p2m), mfn_of, l.nr * 8);
	start_info_write(d, &l);
	root_handles(d);
	if (arch_vcpu_start(d->vcpu[0], ((const elf_header_t *)elf)->e_entry, va_of(l.heap), va_of(l.start_info),
			    mfn_of[l.tables]))
		panic("the VMM server cannot be started");
	kpages_free(mfn_of, order_of(l.nr * 8), NULL);
	if (verbose)
		printk("guise: VMM server: %lu MiB, program %lu KiB\n", l.nr >> 8, (unsigned long)size >> 10);
	vcpu_start_first(d->vcpu[0]);
	domain_unpause(d);
}
