/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * count.c - a plugin of QEMU's translator that counts, for counters.py: -plugin count.so,out=FILE.
 *
 * FILE is mapped, so that it can be read while the machine runs.  It has a record for each block of code that was
 * translated, how many instructions were executed in it, and one for each instruction of the kinds below.  A block that
 * an exception ends is counted whole.  Only for one CPU: counters are added to without a lock.
 *
 * The interface is that of docs/devel/tcg-plugins in QEMU 7.2, whose header Debian has not packaged.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_fn)(uint64_t id, struct qemu_plugin_tb *tb);

#define ADD_U64 0 /* enum qemu_plugin_op */

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated_fn fn);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *at, uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *at, uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

int qemu_plugin_version = 1;

/* What a record counts; counters.py has the same list. */
enum kind { NONE, BLOCK, CR3, INVLPG, HLT, SYSCALL };

#define RECORDS (1u << 20)

static struct record {
	uint64_t kind, va, count;
} * records;

/* The record, by a hash with open places; the last is for all that find none. */
static uint64_t *counter(enum kind kind, uint64_t va)
{
	uint64_t at = (va * 8 + kind) * 0x9e3779b97f4a7c15ull >> 44;

	for (unsigned i = 0; i < 1024; i++, at = (at + 1) % (RECORDS - 1)) {
		struct record *r = &records[at % (RECORDS - 1)];

		if (r->kind == NONE) {
			r->va = va;
			r->kind = kind;
		}
		if (r->kind == kind && r->va == va)
			return &r->count;
	}
	return &records[RECORDS - 1].count;
}

/* SDM 2, appendix A */
static enum kind kind_of(const uint8_t *code, size_t len)
{
	size_t i = 0;

	while (i < len && code[i] && (strchr("\x66\x2e\x36\x3e\x26\x64\x65\xf2\xf3", code[i]) || code[i] >> 4 == 4))
		i++;
	if (i < len && code[i] == 0xf4)
		return HLT;
	if (i + 1 >= len || code[i] != 0x0f)
		return NONE;
	if (code[i + 1] == 0x05)
		return SYSCALL;
	if (i + 2 >= len)
		return NONE;
	if (code[i + 1] == 0x22 && (code[i + 2] >> 3 & 7) == 3)
		return CR3;
	if (code[i + 1] == 0x01 && (code[i + 2] >> 3 & 7) == 7 && code[i + 2] >> 6 != 3)
		return INVLPG;
	return NONE;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t nr = qemu_plugin_tb_n_insns(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, counter(BLOCK, qemu_plugin_tb_vaddr(tb)), nr);
	for (size_t i = 0; i < nr; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		enum kind kind = kind_of(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));

		if (kind != NONE)
			qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64,
								   counter(kind, qemu_plugin_insn_vaddr(insn)), 1);
	}
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	int file = argc == 1 && !strncmp(argv[0], "out=", 4) ? open(argv[0] + 4, O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;

	(void)info;
	if (file < 0 || ftruncate(file, RECORDS * sizeof(*records)))
		return -1;
	records = mmap(NULL, RECORDS * sizeof(*records), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (records == MAP_FAILED)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
