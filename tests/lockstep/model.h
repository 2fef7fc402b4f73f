/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - what the kernel promises about memory, grants and event channels, said as simply as it can be.
 *
 * A model of the contract (docs/abi.md, docs/architecture.md), not of the kernel's ways: it has no cache, no nodes, no
 * lists and no locks, and includes none of the kernel's headers.  Everything is a table that is searched from one end to
 * the other.
 *
 * Memory: the model keeps the contents of each page table, and of each entry the values that it had before, with the
 * time at which they went.  A translation may use any value that its entries had since the last flush of the address; a fault
 * is told of the values that they have now.  Whatever a translation ends at, its owner may use now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define M_FRAMES  2048u /* machine frames that there are		*/
#define M_NOBODY  0xffffu
#define M_NONE	  ~0ull
#define M_DOMAINS 2u
#define M_REFS	  8u /* of a grant table, that are tried	*/
#define M_USES	  64u
#define M_PORTS	  48u
#define M_VCPUS	  2u
#define M_VIRQS	  24u

enum { M_P = 1, M_RW = 2, M_U = 4, M_A = 32, M_D = 64, M_PS = 128 };
#define M_NX	(1ull << 63)
#define M_FRAME 0x000ffffffffff000ull

/* An access, and the error code of its fault (SDM 3A 4.7). */
enum { M_READ = 0, M_WRITE = 2, M_FETCH = 16, M_ERR_P = 1, M_ERR_RSVD = 8 };

struct m_frame {
	uint16_t owner; /* id, or M_NOBODY	*/
	uint32_t holds;
	bool kernels; /* made by the kernel for its owner		*/
	bool pinned;
	uint8_t levels; /* bit n: was a table of level n since everything cached was forgotten */
	bool table;	/* the owner said or showed that it is a table of leaves ...	*/
	bool doubted;	/* ... and something that speaks against it	*/
	bool loose;	/* changes are not seen: its owner maps it writable, or gave it up as a table */
};

/* An entry had this value until then. */
struct m_change {
	uint64_t frame, old, at;
	uint32_t index;
	bool silent; /* nobody told: a flush does not help	*/
};

struct m_entry {
	uint16_t flags, user;
	uint32_t frame;
	uint32_t reads, writes;
};

enum m_kind { M_FREE, M_CPU, M_DMA };

struct m_use {
	enum m_kind kind;
	uint16_t from; /* id */
	uint32_t ref, number;
	bool writable;
	uint64_t m, table;
	uint32_t index;
};

enum m_port_state { M_CLOSED, M_UNBOUND, M_BOUND, M_VIRQ, M_IPI };

struct m_port {
	enum m_port_state state;
	uint16_t remote; /* id */
	uint32_t remote_port, vcpu, virq;
};

struct m_domain {
	uint16_t id;
	bool exists, dying, stock;
	uint64_t root[2]; /* of user and kernel; M_NONE */
	uint64_t flushed, forgotten;
	struct {
		uint64_t va, at;
	} invlpg[64];
	uint32_t nr_invlpg;
	uint64_t frames, max_frames;
	uint64_t device, nr_device; /* frames of a device that it may use */

	struct m_entry entry[M_REFS];
	struct m_use use[M_USES];

	struct m_port port[M_PORTS];
	bool ports; /* it ever had one */
	uint64_t pending, masked;
	struct {
		uint64_t selector;
		bool exists, upcall;
		uint32_t virq_port[M_VIRQS];
	} vcpu[M_VCPUS];
	uint64_t sent, received;
};

#define M_CHANGES 65536u

struct model {
	uint64_t word[M_FRAMES][512]; /* what stands in them */
	struct m_frame frame[M_FRAMES];
	struct m_domain domain[M_DOMAINS];
	struct m_change change[M_CHANGES];
	uint32_t nr_changes;
	uint64_t now;
	bool strange; /* the last walk read what the kernel writes, of which there is no model */
};

extern struct model model;

void m_reset(void);
struct m_domain *m_domain_of(uint16_t id);
static inline bool m_owns(const struct m_domain *d, uint64_t m)
{
	return m < M_FRAMES && model.frame[m].owner == d->id;
}

/* ---- memory ---- */
enum m_how { M_TOLD, M_DIRECTLY, M_SILENTLY };
/* An entry changes: by hypercall, by a write to what is mapped read-only, or without anybody's knowledge. */
void m_write(uint64_t m, uint32_t index, uint64_t value, enum m_how how);
void m_flush(struct m_domain *d);
void m_invlpg(struct m_domain *d, uint64_t va);
/* The root of user (mode 0) or kernel. */
void m_root(struct m_domain *d, unsigned mode, uint64_t m);
/* Is there one?  Then it is about to be loaded, and so is a table of level 4, whatever an access comes to. */
bool m_root_load(const struct m_domain *d, unsigned mode);
/* Nothing is cached any more. */
void m_forget(struct m_domain *d);
void m_pin(struct m_domain *d, uint64_t m, unsigned level);
void m_unpin(uint64_t m);
/* A frame comes to d, zeroed, or leaves it. */
void m_frame_new(struct m_domain *d, uint64_t m, bool kernels);
void m_frame_gone(struct m_domain *d, uint64_t m);

/* What may come of an access. */
struct m_outcome {
	bool ok;
	uint64_t error;	       /* not ok				*/
	uint64_t m;	       /* ok: the frame				*/
	uint64_t table, index; /* its entry ...				*/
	uint64_t mark;	       /* ... in which these bits are set	*/
	bool read_only;	       /* a write to a table that is mapped read-only */
};

struct m_outcomes {
	uint32_t nr;
	struct m_outcome is[512];
};

void m_access(struct m_domain *d, unsigned mode, uint64_t va, unsigned access, struct m_outcomes *o);
/* One of them came true. */
void m_accessed(struct m_domain *d, unsigned mode, uint64_t va, const struct m_outcome *o);
/* The table of leaves that va's entry is in, by what the tables say now; M_NONE.  of: those that old values lead to. */
uint64_t m_leaf_table(const struct m_domain *d, uint64_t va);
uint32_t m_leaf_tables(const struct m_domain *d, uint64_t va, uint64_t *of, uint32_t most);
/* May d have this entry at that place? */
bool m_may(const struct m_domain *d, uint64_t table, uint32_t index, uint64_t entry, bool *writable);
bool m_hypervisors(uint64_t va);

/* ---- grants: the status as in xen/grant_table.h ---- */
int m_grant_claim(struct m_domain *user, uint16_t from, uint32_t ref, bool writable, uint64_t *m);
void m_grant_release(uint16_t from, uint32_t ref, bool writable, uint64_t m);
int m_grant_map(struct m_domain *d, uint16_t from, uint32_t ref, uint64_t va, bool writable, struct m_use **use);
int m_grant_unmap(struct m_domain *d, uint32_t number);
int m_dma_map(struct m_domain *d, uint16_t from, uint32_t ref, bool writable, struct m_use **use);
bool m_dma_unmap(struct m_domain *d, uint32_t number);
void m_grant_counts(const struct m_domain *d, uint32_t *used, uint32_t *uses);

/* ---- event channels: 0 or a negative errno ---- */
/* What they make has a number of the kernel's choice: it must be free. */
int m_port_new(struct m_domain *d, uint32_t n, enum m_port_state state, uint32_t vcpu);
int m_alloc_unbound(struct m_domain *d, uint16_t dom, uint16_t remote);
int m_bind_interdomain(struct m_domain *d, uint16_t remote, uint32_t remote_port);
void m_bound(struct m_domain *d, uint32_t n, uint16_t remote, uint32_t remote_port);
int m_bind_virq(struct m_domain *d, uint32_t virq, uint32_t vcpu);
int m_bind_ipi(struct m_domain *d, uint32_t vcpu);
int m_close(struct m_domain *d, uint32_t n);
int m_send(struct m_domain *d, uint32_t n);
int m_bind_vcpu(struct m_domain *d, uint32_t n, uint32_t vcpu);
int m_unmask(struct m_domain *d, uint32_t n);
void m_virq(struct m_domain *d, uint32_t vcpu, uint32_t virq);
uint32_t m_nr_ports(const struct m_domain *d);

/* ---- the end of a domain: true when nobody holds a frame of it any more ---- */
bool m_destroy(struct m_domain *d);
