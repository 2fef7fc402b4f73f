/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claim.h - a claim about the kernel, proved or refuted by a domain of its own.
 *
 *	TEST("a mapped grant cannot be withdrawn", .peer = 1)
 *	{
 *		...
 *		expect(grant_end(ref) == -XEN_EBUSY);
 *	}
 *
 * All claims are linked into one native program.  For each, the judge builds a fresh domain without
 * any handle (unless the claim asks for some), which runs that one function and says in its report
 * page how it went.  Returning from the function is success; the first expect() that fails ends
 * the domain.
 */
#pragma once

#include <stdint.h>

#include <guise.h>

#define NATIVE 1u /* paging kinds a claim is run with	*/
#define STOCK  2u
#define BOTH   3u

struct claim {
	const char *name;
	void (*run)(void);
	const char *dies;	 /* the kernel must crash the domain, and this must stand in the reason	*/
	uint32_t paging;	 /* NATIVE if nothing is said				*/
	uint32_t vcpus;		 /* 1 if nothing is said					*/
	uint32_t pages;		 /* of memory; 0: the usual				*/
	uint32_t spare;		 /* pages that it may own beyond that			*/
	uint32_t seconds;	 /* time it may take; 0: the usual				*/
	uint32_t peer;		 /* 1: a second domain does what this one asks (peer.h)	*/
	uint32_t watched;	 /* 1: a bystander must come through unharmed		*/
	uint32_t hostile;	 /* 1: that it dies is well, for it alone; 2: that it hangs, too	*/
	uint32_t times;		 /* how often it is run, each with another seed; 0: once	*/
	uint32_t shutdown;	 /* reason + 1 with which it must end; 0: it returns	*/
	uint32_t port, nr_ports; /* I/O ports it gets a handle for			*/
	uint32_t irq, nr_irqs;	 /* interrupts it gets a handle for			*/
	uint64_t mmio, nr_mmio;	 /* machine frames it gets a handle for			*/
	uint32_t device;	 /* 1: it drives the machine's device (edu.h); 2: whose message is another's */
};

/* How the judge finds the claims in the program. */
#define CLAIMS_MAGIC 0x736d69616c436547ull
struct claims {
	uint64_t magic;
	uint64_t first, end; /* struct claim[]				*/
	uint64_t size;	     /* of one					*/
	uint64_t report;     /* page in the program's memory		*/
};

enum verdict { VERDICT_NONE, VERDICT_RUNNING, VERDICT_HOLDS, VERDICT_FAILS, VERDICT_SKIP };

struct report {
	uint32_t verdict;
	uint32_t line;
	uint64_t rounds; /* of a bystander: how often it found all well	*/
	char file[64];
	char text[400];
};

/* Whose part this domain plays: the first word of its command line. */
#define ROLE_CLAIM     "claim"
#define ROLE_PEER      "peer"
#define ROLE_BYSTANDER "bystander"

#define DOMID_CLAIM	1
#define DOMID_PEER	2
#define DOMID_BYSTANDER 3

#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)

#define TEST(sentence, ...)                                                                                      \
	static void CAT(claim_, __LINE__)(void);                                                                 \
	static const struct claim CAT(entry_, __LINE__)                                                          \
		__attribute__((section("claims"), used,                                                          \
			       aligned(8))) = { .name = sentence, .run = CAT(claim_, __LINE__), ##__VA_ARGS__ }; \
	static void CAT(claim_, __LINE__)(void)

/* The claim is refuted: report where and why, and end. */
__attribute__((noreturn, format(printf, 3, 4))) void fails(const char *file, int line, const char *fmt, ...);
/* It cannot be decided here. */
__attribute__((noreturn)) void skip(const char *why);

#define expect(what)                                            \
	do {                                                    \
		if (!(what))                                    \
			fails(__FILE__, __LINE__, "%s", #what); \
	} while (0)

#define expect_eq(a, b)                                                                                                \
	do {                                                                                                           \
		long a_ = (long)(a), b_ = (long)(b);                                                                   \
                                                                                                                       \
		if (a_ != b_)                                                                                          \
			fails(__FILE__, __LINE__, "%s is %ld (0x%lx), not %ld (0x%lx)", #a, a_, (unsigned long)a_, b_, \
			      (unsigned long)b_);                                                                      \
	} while (0)

/* In a domain with claims only: */
extern const struct claim *claim;
extern struct report *report;
extern int stock;	     /* this domain's paging is GUISE_DOMAIN_STOCK		*/
extern uint64_t random_seed; /* of random numbers, as the judge gave it; printed on failure	*/
uint64_t random64(void);
