/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adoption.pml - two frontends, a driver that dies once at any point, and the incarnation that goes on.
 *
 * The steps are those of runtime/blk_ring.c, runtime/backend.c and vmm/supervise.c: each store to shared memory is one
 * step, and the driver may end between any two.  What must hold:
 *	each request is answered once, with its own answer (assertions of the frontend)
 *	nobody waits for ever (no end but the valid ones: SPIN's check for invalid end states)
 *	the device touches no memory of a request whose answer was given (assertion of the device)
 *
 * A name defined with -D breaks one rule; then the model must fail:
 *	NO_JOURNAL	a response that was being written is not completed by the next incarnation
 *	EARLY_JOURNAL	the journal is valid before it is whole
 *	NO_REBIND	the next incarnation does not bind the frontend's event channel
 *	NO_KICK		... does not tell the frontend of what was published untold
 *	FORGET		... begins behind the requests that its predecessor took
 *	NO_RESET	the device is not reset before the next incarnation begins
 */
#ifndef SLOTS
#define SLOTS	 2
#define REQUESTS 2 /* of the first frontend	*/
#define OTHERS	 1 /* of the second		*/
#endif

#define IS_REQUEST(s) ((s) >= 1 && (s) <= REQUESTS)
#define RESPONSE      16 /* + id */
#define TORN	      99

#define AT(g, index) ((g) * SLOTS + (index) % SLOTS)

/* A ring's shared page. */
byte req_prod[2], rsp_prod[2];
byte req_event[2] = 1, rsp_event[2] = 1;
byte slot[4]; /* id of a request, RESPONSE + id, or TORN */
byte journal_next[2], journal_id[2];

/* The kernel: which driver's ends are bound, and events that are pending. */
bool bound[2], driver_event[2], front_event[2];

/* The device. */
byte working[4]; /* id of the request that it works at, 0: none		*/
bool finished[4];
byte stale[4]; /* ... for an incarnation that is no more		*/

byte seen[2]; /* responses that a frontend has taken */
bool kill, dead;

proctype frontend(byte g; byte requests)
{
	do
	:: seen[g] == requests -> break
	:: req_prod[g] < requests && req_prod[g] - seen[g] < SLOTS ->
		atomic { slot[AT(g, req_prod[g])] = req_prod[g] + 1; req_prod[g] = req_prod[g] + 1 };
		if
		:: req_event[g] == req_prod[g] ->
			if
			:: bound[g] -> driver_event[g] = true
			:: else /* nobody listens */
			fi
		:: else
		fi
	:: seen[g] != rsp_prod[g] ->
		atomic { assert(slot[AT(g, seen[g])] == RESPONSE + seen[g] + 1); seen[g] = seen[g] + 1 }
	:: else ->
		rsp_event[g] = seen[g] + 1;
		if
		:: rsp_prod[g] != seen[g]
		:: else -> front_event[g]; front_event[g] = false
		fi
	od
}

active proctype device()
{
end:
	do
	:: atomic { working[0] && !finished[0] -> assert(working[0] > seen[0 / SLOTS % 2]); finished[0] = true }
	:: atomic { working[1] && !finished[1] -> assert(working[1] > seen[1 / SLOTS % 2]); finished[1] = true }
	:: atomic { working[2] && !finished[2] -> assert(working[2] > seen[2 / SLOTS % 2]); finished[2] = true }
	:: atomic { working[3] && !finished[3] -> assert(working[3] > seen[3 / SLOTS % 2]); finished[3] = true }
	:: atomic { stale[0] -> assert(stale[0] > seen[0 / SLOTS % 2]); stale[0] = 0 }
	:: atomic { stale[1] -> assert(stale[1] > seen[1 / SLOTS % 2]); stale[1] = 0 }
	:: atomic { stale[2] -> assert(stale[2] > seen[2 / SLOTS % 2]); stale[2] = 0 }
	:: atomic { stale[3] -> assert(stale[3] > seen[3 / SLOTS % 2]); stale[3] = 0 }
	od
}

/* blk_ring.c, publish_one(); rsp is the driver's own count.  What only the driver sees is no step of its own. */
inline publish_one(g, rsp, id)
{
#ifdef EARLY_JOURNAL
	journal_next[g] = rsp + 1;
	journal_id[g] = id;
#else
	journal_id[g] = id;
	journal_next[g] = rsp + 1;
#endif
	slot[AT(g, rsp)] = TORN;
	slot[AT(g, rsp)] = RESPONSE + id;
	atomic { rsp++; rsp_prod[g] = rsp }
}

/* An incarnation finds ring and channel as they stand. */
inline adopt(g, cons, rsp)
{
	rsp = rsp_prod[g];
#ifndef NO_JOURNAL
	if
	:: journal_next[g] == rsp + 1 && req_prod[g] != rsp -> publish_one(g, rsp, journal_id[g])
	:: else
	fi;
#endif
#ifdef FORGET
	cons = req_prod[g];
#else
	cons = rsp;
#endif
	if
#ifdef NO_REBIND
	:: first -> bound[g] = true
#else
	:: true -> bound[g] = true; driver_event[g] = true /* as the kernel does at binding */
#endif
	:: else
	fi;
#ifndef NO_KICK
	front_event[g] = true
#endif
}

inline take(g, cons)
{
	atomic {
		assert(IS_REQUEST(slot[AT(g, cons)]));
		working[AT(g, cons)] = slot[AT(g, cons)];
		finished[AT(g, cons)] = false;
		cons++
	}
}

/* All answers that are in turn; then the frontend is told if it wants to know. */
inline publish(g, cons, rsp, old)
{
	old = rsp;
	do
	:: atomic { rsp != cons && finished[AT(g, rsp)] ->
		id = working[AT(g, rsp)]; working[AT(g, rsp)] = 0; finished[AT(g, rsp)] = false };
		publish_one(g, rsp, id)
	:: else -> break
	od;
	atomic {
		if
		:: rsp_event[g] > old && rsp_event[g] <= rsp -> front_event[g] = true
		:: else
		fi;
		old = 0; id = 0
	}
}

#define READY(g, cons, rsp) (rsp != cons && finished[AT(g, rsp)])

proctype driver(bool first)
{
	byte cons0, cons1, rsp0, rsp1, old, id;

	{
		adopt(0, cons0, rsp0);
		adopt(1, cons1, rsp1);
		do
		:: req_prod[0] != cons0 -> take(0, cons0)
		:: req_prod[1] != cons1 -> take(1, cons1)
		:: READY(0, cons0, rsp0) -> publish(0, cons0, rsp0, old)
		:: READY(1, cons1, rsp1) -> publish(1, cons1, rsp1, old)
		:: else ->
			atomic { req_event[0] = cons0 + 1; req_event[1] = cons1 + 1 };
			if
			:: req_prod[0] != cons0 || req_prod[1] != cons1
			:: else ->
end:				driver_event[0] || driver_event[1] || READY(0, cons0, rsp0) || READY(1, cons1, rsp1);
				atomic { driver_event[0] = false; driver_event[1] = false }
			fi
		od
	} unless { kill };
	/* Nothing of it remains (nor in SPIN's states). */
	atomic { cons0 = 0; cons1 = 0; rsp0 = 0; rsp1 = 0; old = 0; id = 0; dead = true }
}

/* supervise.c: the device is reset, then the domain is destroyed, then the next one is built. */
active proctype supervisor()
{
	byte i;

	run driver(true);
	run frontend(0, REQUESTS);
	run frontend(1, OTHERS);
end:
	dead;
	atomic {
		kill = false;
		dead = false;
		i = 0;
		do
		:: i < 4 ->
#ifdef NO_RESET
			stale[i] = (finished[i] -> 0 : working[i]);
#endif
			working[i] = 0;
			finished[i] = false;
			i++
		:: else -> break
		od
	};
	atomic { bound[0] = false; bound[1] = false; driver_event[0] = false; driver_event[1] = false };
	run driver(false)
}

/* Once, at any time, or never. */
active proctype fate()
{
	if
	:: kill = true
	:: true
	fi
}
