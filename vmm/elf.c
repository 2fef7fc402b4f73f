/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf.c - ELF64 program headers and the Xen notes of a guest kernel (xen/elfnote.h).
 */
#include <elf.h>

#include <runtime/string.h>
#include <xen/elfnote.h>

#include "elf.h"

#define IMAGE_MAX (1ull << 32) /* bytes of address space that segments may span */

static uint64_t number(const char *data, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, data, len < 8 ? len : 8);
	return v;
}

static void note(struct elf_image *elf, uint32_t type, const char *data, size_t len)
{
	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		elf->pv_entry = number(data, len);
		elf->is_pv = 1;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		elf->hypercall_page = 1;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		elf->virt_base = number(data, len);
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		elf->paddr_offset = number(data, len);
		break;
	case XEN_ELFNOTE_INIT_P2M:
		elf->init_p2m = number(data, len);
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		elf->mod_start_pfn = number(data, len) != 0;
		break;
	}
}

static void notes(struct elf_image *elf, const char *p, size_t len)
{
	while (len >= 12) {
		uint32_t h[3];
		size_t name, desc;

		memcpy(h, p, 12);
		name = (h[0] + 3ul) & ~3ul;
		desc = (h[1] + 3ul) & ~3ul;
		if (name > len - 12 || desc > len - 12 - name)
			return;
		if (h[0] == 4 && !memcmp(p + 12, "Xen", 4))
			note(elf, h[2], p + 12 + name, h[1]);
		p += 12 + name + desc;
		len -= 12 + name + desc;
	}
}

const char *elf_parse(const void *file, size_t size, struct elf_image *elf)
{
	const char *base = file;
	Elf64_Ehdr e;

	memset(elf, 0, sizeof(*elf));
	elf->low = ~0ull;
	if (size < sizeof(e))
		return "it is not an ELF file";
	memcpy(&e, file, sizeof(e)); /* in the archive it stands at any multiple of 4 */
	if (memcmp(e.e_ident, ELFMAG, SELFMAG))
		return "it is not an ELF file";
	if (e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_machine != EM_X86_64)
		return "it is not for x86-64";
	if (e.e_phentsize != sizeof(Elf64_Phdr) || e.e_phoff > size ||
	    e.e_phnum > (size - e.e_phoff) / sizeof(Elf64_Phdr))
		return "its program headers are damaged";
	elf->entry = e.e_entry;
	for (unsigned i = 0; i < e.e_phnum; i++) {
		struct elf_segment *s = &elf->segment[elf->nr];
		Elf64_Phdr ph;

		memcpy(&ph, base + e.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD && ph.p_type != PT_NOTE)
			continue;
		if (ph.p_offset > size || ph.p_filesz > size - ph.p_offset)
			return "a segment lies outside the file";
		if (ph.p_type == PT_NOTE) {
			notes(elf, base + ph.p_offset, ph.p_filesz);
			continue;
		}
		if (elf->nr == ELF_MAX_SEGMENTS)
			return "it has too many segments";
		if (ph.p_filesz > ph.p_memsz || ph.p_paddr >= IMAGE_MAX || ph.p_memsz > IMAGE_MAX - ph.p_paddr)
			return "a segment's size or address is out of range";
		if (!ph.p_memsz)
			continue;
		*s = (struct elf_segment){ ph.p_vaddr, ph.p_paddr, ph.p_memsz, ph.p_filesz, base + ph.p_offset };
		elf->nr++;
		if (s->paddr < elf->low)
			elf->low = s->paddr;
		if (s->paddr + s->memsz > elf->high)
			elf->high = s->paddr + s->memsz;
	}
	return elf->nr ? NULL : "it has nothing to load";
}
