/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.c - stop the machine and say why, with a symbolised backtrace.
 *
 * The symbol table is made from the linked kernel and linked in again (build.mk): text addresses
 * do not move, since it stands behind all other data.
 */
#include <arch/cpu.h>
#include <core/lib.h>

struct symbol {
	uint32_t offset; /* from _start_kernel */
	uint32_t name;	 /* offset in symbol_names */
};

extern const struct symbol symbol_table[];
extern const uint32_t symbol_count;
extern const char symbol_names[];
extern const char _start_kernel[], _end_kernel[];

#define MAX_DEPTH 24

static void print_address(uint64_t rip)
{
	uint64_t offset = rip - (uint64_t)_start_kernel;
	const struct symbol *best = symbol_table; /* _start_kernel itself */

	if (rip < (uint64_t)_start_kernel || rip >= (uint64_t)_end_kernel)
		return;
	for (uint32_t i = 1; i < symbol_count && symbol_table[i].offset <= offset; i++)
		best = &symbol_table[i];
	printk("  %016lx %s+0x%lx\n", rip, symbol_names + best->name, offset - best->offset);
}

static void backtrace(void)
{
	const uint64_t *frame = __builtin_frame_address(0);

	for (unsigned i = 0; i < MAX_DEPTH && frame; i++) {
		uint64_t next = frame[0];

		if ((uint64_t)frame < (uint64_t)_start_kernel || (uint64_t)frame >= (uint64_t)_end_kernel)
			break;
		print_address(frame[1]);
		if (next <= (uint64_t)frame)
			break;
		frame = (const uint64_t *)next;
	}
}

void panic(const char *fmt, ...)
{
	static bool again;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!__atomic_exchange_n(&again, true, __ATOMIC_SEQ_CST)) {
		printk("guise: panic: %s\n", text);
		backtrace();
	}
	arch_crash();
}
