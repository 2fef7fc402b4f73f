/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blk.c - the way of requests from the rings to the device and back.
 *
 * A round takes all requests there are, in batches: one from each ring in turn, their pages pinned
 * with one call, and handed to the device.  Then the device is told once, so that it sees neighbours
 * together.  A round ends, since nothing is answered in between and a ring has few slots.
 *
 * A frontend that is told of each request's end rings for each new one, and this domain, of a higher
 * priority, would run for one request at a time.  So while several of a frontend's are on their way, it
 * is not asked to: its ring is looked at when one of them ends, or a moment has passed.
 *
 * A finished job is unpinned before it is answered: a frontend must find its grants free when it
 * sees the response.  While the device has no room, jobs wait in `waiting` and nothing new is
 * taken.
 */
#include <runtime/blk.h>
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>

#include "vbd.h"

#define BATCH 16 /* requests; their indirect segments fit in one page */

#define BUSY	    4u	    /* requests on their way: then a frontend is not asked to ring */
#define LOOK_NS	    200000u /* ... not later than that */
#define TICK_NS	    1000000000ull
#define PINNED_MOST 3584 /* pages at a time; the kernel's table holds 4096, rings included */

_Static_assert(BATCH *BLK_SEGMENTS * sizeof(struct blkif_request_segment) <= PAGE_SIZE,
	       "one scratch page for the segments of a batch");
_Static_assert(BLK_SEGMENTS * 2 <= GUISE_DMA_BATCH, "a batch can always take one more request");

struct job_list {
	struct job *first, **end;
};

static struct blk_device *device;
static struct job_list waiting = { NULL, &waiting.first };   /* for room in the device	*/
static struct job_list finished = { NULL, &finished.first }; /* to be unpinned and answered */
static struct vbd *turn;		 /* whose ring is looked at first, may be stale: only compared */
static int submitted;			 /* since the last kick */
static unsigned pinned;			 /* pages */
static uint64_t look_at = EVENT_FOREVER; /* when to look at rings and device without being told */
static int late;			 /* it is so, and all of them are asked to tell now */
static unsigned active;			 /* of all */
static uint64_t tick_at = EVENT_FOREVER; /* the next; they stop while nothing happens */
static struct blkif_request_segment (*scratch)[BLK_SEGMENTS];

static void list_add(struct job_list *list, struct job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct job *list_take(struct job_list *list)
{
	struct job *job = list->first;

	if (job) {
		list->first = job->next;
		if (!list->first)
			list->end = &list->first;
	}
	return job;
}

static void job_finish(struct job *job, int status)
{
	job->status = status;
	job->vbd->active--;
	active--;
	list_add(&finished, job);
}

/* ---- to the device --------------------------------------------------------------------------- */

void blk_complete(struct blk_request *req, int status)
{
	device_work++;
	req->done(req, status);
}

static void part_done(struct blk_request *req, int status)
{
	struct job *job = (struct job *)((char *)req - offsetof(struct job, io));

	job->sectors_done += req->nr_sectors;
	job->extents_done += req->nr_extents;
	if (status)
		job_finish(job, status == -XEN_EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR);
	else if (job->sectors_done < job->cmd.nr_sectors)
		list_add(&waiting, job);
	else
		job_finish(job, BLKIF_RSP_OKAY);
}

/* As much of the job as the device takes at once. */
static void part_prepare(struct job *job)
{
	struct blk_request *io = &job->io;

	io->op = job->cmd.op;
	io->sector = job->cmd.sector + job->sectors_done;
	io->nr_sectors = job->cmd.nr_sectors - job->sectors_done;
	io->extent = &job->extent[job->extents_done];
	io->nr_extents = job->nr_extents - job->extents_done;
	io->done = part_done;

	if (io->op == BLK_DISCARD && device->max_discard && io->nr_sectors > device->max_discard)
		io->nr_sectors = device->max_discard;
	if (io->nr_extents)
		io->nr_extents = blk_extents_fit(device, io->extent, io->nr_extents, &io->nr_sectors);
}

/* Returns -EBUSY, and has done nothing, when the device has no room. */
static int job_submit(struct job *job)
{
	int rc;

	part_prepare(job);
	rc = device->submit(device, &job->io);
	if (!rc)
		submitted = 1;
	else if (rc != -XEN_EBUSY)
		job_finish(job, BLKIF_RSP_ERROR);
	return rc;
}

static void submit_waiting(void)
{
	while (waiting.first) {
		struct job *job = list_take(&waiting);

		if (job_submit(job) != -XEN_EBUSY)
			continue;
		/* Back to the head: those behind it came later. */
		job->next = waiting.first;
		waiting.first = job;
		if (!job->next)
			waiting.end = &job->next;
		return;
	}
}

/* ---- from the rings -------------------------------------------------------------------------- */

/* The next request of one ring: a job that needs its pages, or NULL. */
static struct job *take_one(struct vbd *v)
{
	blkif_request_t req;
	struct job *job;
	RING_IDX index;
	int rc, status;

	v->asked = 0;
	while ((rc = blk_ring_take(&v->ring, &req, &index)) > 0) {
		job = &v->job[index % BLK_RING_SLOTS];
		job->vbd = v;
		v->active++;
		active++;
		job->index = index;
		job->sectors_done = 0;
		job->gone = 0;
		job->nr_extents = job->extents_done = job->nr_cookies = 0;
		status = blk_command_decode(&job->cmd, &req, &v->limits);
		if (status == BLKIF_RSP_OKAY)
			return job;
		job_finish(job, status);
	}
	if (rc < 0) {
		v->backend.broken = "the frontend broke the ring";
		v->kicked = 0;
	} else if (v->active < BUSY || late) {
		v->kicked = blk_ring_wait(&v->ring);
		v->asked = !v->kicked;
	} else {
		v->kicked = 0;
	}
	return NULL;
}

/* One from each ring in turn, until the batch or its pages are full: how many. */
static unsigned take_batch(struct job **batch)
{
	unsigned nr = 0, segments = 0, idle = 0, nr_vbds = 0;
	struct vbd *v = vbd_first();

	for (struct vbd *i = v; i; i = vbd_next(i)) {
		nr_vbds++;
		if (i == turn)
			v = i;
	}
	while (nr < BATCH && segments + BLK_SEGMENTS <= GUISE_DMA_BATCH && idle < nr_vbds) {
		struct job *job = backend_serves(&v->backend) && v->kicked ? take_one(v) : NULL;

		idle = job ? 0 : idle + 1;
		if (job) {
			batch[nr++] = job;
			segments += job->cmd.nr_segments;
		}
		v = vbd_next(v) ? vbd_next(v) : vbd_first();
	}
	turn = v;
	return nr;
}

/* Read the indirect segments of the batch; jobs that fail leave it. */
static unsigned read_segments(struct job **batch, unsigned nr)
{
	gnttab_copy_t copy[BATCH];
	unsigned copies = 0, kept = 0, at = 0;
	int rc = 0;

	for (unsigned i = 0; i < nr; i++) {
		struct job *job = batch[i];

		if (!job->cmd.indirect)
			continue;
		memset(&copy[copies], 0, sizeof(copy[copies]));
		copy[copies].source.u.ref = job->cmd.page;
		copy[copies].source.domid = job->vbd->backend.domid;
		copy[copies].dest.u.gmfn = virt_to_mfn(scratch);
		copy[copies].dest.domid = DOMID_SELF;
		copy[copies].dest.offset = (char *)scratch[copies] - (char *)scratch;
		copy[copies].len = job->cmd.nr_segments * sizeof(scratch[0][0]);
		copy[copies].flags = GNTCOPY_source_gref;
		copies++;
	}
	if (!copies)
		return nr;
	rc = grant_copy(copy, copies);

	for (unsigned i = 0; i < nr; i++) {
		struct job *job = batch[i];
		int status = BLKIF_RSP_OKAY;

		if (job->cmd.indirect) {
			job->gone = copy[at].status == GNTST_bad_domain;
			status = rc || copy[at].status != GNTST_okay ?
					 BLKIF_RSP_ERROR :
					 blk_command_segments(&job->cmd, scratch[at], &job->vbd->limits);
			at++;
		}
		if (status == BLKIF_RSP_OKAY)
			batch[kept++] = job;
		else
			job_finish(job, status);
	}
	return kept;
}

static void add_extent(struct job *job, uint64_t bus, uint32_t len)
{
	struct blk_extent *last = &job->extent[job->nr_extents - 1];

	if (job->nr_extents && last->bus + last->len == bus &&
	    (!device->max_extent || last->len + len <= device->max_extent)) {
		last->len += len;
		return;
	}
	job->extent[job->nr_extents++] = (struct blk_extent){ bus, len };
}

/* Pin the pages of the batch; jobs that fail leave it, with what was pinned in their hands. */
static unsigned pin_pages(struct job **batch, unsigned nr)
{
	struct guise_dma_map map[GUISE_DMA_BATCH], *m = map;
	unsigned kept = 0;
	long rc = 0;

	for (unsigned i = 0; i < nr; i++)
		for (unsigned s = 0; s < batch[i]->cmd.nr_segments; s++)
			*m++ = (struct guise_dma_map){
				.domid = batch[i]->vbd->backend.domid,
				.flags = batch[i]->cmd.op == BLK_WRITE ? GUISE_DMA_RDONLY : 0,
				.ref = batch[i]->cmd.segment[s].gref,
			};
	if (m != map)
		rc = guise_dma(GUISE_DMA_MAP, map, m - map);

	m = map;
	for (unsigned i = 0; i < nr; i++) {
		struct job *job = batch[i];
		int failed = rc && job->cmd.nr_segments;

		for (unsigned s = 0; s < job->cmd.nr_segments; s++, m++) {
			const struct blkif_request_segment *seg = &job->cmd.segment[s];

			if (rc || m->status) {
				failed = 1;
				job->gone |= m->status == GNTST_bad_domain;
				continue;
			}
			job->cookie[job->nr_cookies++] = m->cookie;
			pinned++;
			add_extent(job, m->bus + seg->first_sect * BLK_SECTOR,
				   (seg->last_sect - seg->first_sect + 1u) * BLK_SECTOR);
		}
		if (failed)
			job_finish(job, BLKIF_RSP_ERROR);
		else
			batch[kept++] = job;
	}
	return kept;
}

/* Nothing new is taken: the device's next interrupt goes on. */
static int full(void)
{
	return waiting.first || pinned + GUISE_DMA_BATCH > PINNED_MOST;
}

/* Take a batch; returns 0 when there is nothing to take, or no room for it. */
static int take_requests(void)
{
	struct job *batch[BATCH];
	unsigned taken, nr;

	if (full() || !vbd_first())
		return 0;
	taken = take_batch(batch);
	nr = read_segments(batch, taken);
	nr = pin_pages(batch, nr);
	for (unsigned i = 0; i < nr; i++)
		if (waiting.first || job_submit(batch[i]) == -XEN_EBUSY)
			list_add(&waiting, batch[i]);
	return taken > 0;
}

/* ---- back to the rings ----------------------------------------------------------------------- */

static void unpin(uint32_t *cookie, unsigned nr)
{
	long rc = nr ? guise_dma(GUISE_DMA_UNMAP, cookie, nr) : 0;

	if (rc)
		panic("%s: pages cannot be unpinned: %ld\n", device->name, rc);
	pinned -= nr;
}

static void unpin_finished(void)
{
	uint32_t cookie[GUISE_DMA_BATCH];
	unsigned nr = 0;

	for (struct job *job = finished.first; job; job = job->next) {
		/* A frontend that finds a page still in use serves itself no more. */
		if (job->status == BLKIF_RSP_OKAY && job->nr_cookies != job->cmd.nr_segments)
			panic("%s: pages of a request are lost\n", device->name);
		while (job->nr_cookies) {
			cookie[nr++] = job->cookie[--job->nr_cookies];
			if (nr == GUISE_DMA_BATCH) {
				unpin(cookie, nr);
				nr = 0;
			}
		}
	}
	unpin(cookie, nr);
}

static void count(const struct job *job)
{
	struct vbd *v = job->vbd;

	if (job->status != BLKIF_RSP_OKAY) {
		v->errors++;
	} else {
		v->requests[job->cmd.op]++;
		v->bytes[job->cmd.op] += job->cmd.nr_sectors * BLK_SECTOR;
	}
}

static void answer_finished(void)
{
	struct job *job;

	if (!finished.first)
		return;
	for (job = finished.first; job; job = job->next)
		if (job->status != BLKIF_RSP_OKAY && !job->gone)
			device_doubt("a request fails"); /* does not return, or it is so */
	unpin_finished();
	while ((job = list_take(&finished))) {
		if (job->nr_cookies)
			panic("%s: pages of a request are kept\n", device->name);
		count(job);
		blk_ring_answer(&job->vbd->ring, job->index, job->cmd.id, job->cmd.reply, job->status);
	}
	for (struct vbd *v = vbd_first(); v; v = vbd_next(v)) {
		int rc = v->page.va ? blk_ring_publish(&v->ring) : 0;

		if (rc < 0)
			v->backend.broken = "the frontend changed a request";
		else if (rc)
			vbd_tell(v);
	}
	device_served();
}

/* ---- each second ------------------------------------------------------------------------------ */

/* Tell of what was done since the last time: returns whether something was. */
static int report(struct vbd *v)
{
	uint64_t all = v->errors;

	for (unsigned i = 0; i < BLK_OPS; i++)
		all += v->requests[i];
	if (all == v->reported)
		return 0;
	v->reported = all;
	backend_report(&v->backend,
		       "reads=%lu writes=%lu flushes=%lu discards=%lu read_bytes=%lu written_bytes=%lu "
		       "discarded_bytes=%lu errors=%lu",
		       v->requests[BLK_READ], v->requests[BLK_WRITE], v->requests[BLK_FLUSH], v->requests[BLK_DISCARD],
		       v->bytes[BLK_READ], v->bytes[BLK_WRITE], v->bytes[BLK_DISCARD], v->errors);
	return 1;
}

static void tick(void)
{
	unsigned reported = 0;

	for (struct vbd *v = vbd_first(); v; v = vbd_next(v))
		reported += report(v);
	if (active && device->check)
		device->check(device);
	tick_at = active || reported ? time_ns() + TICK_NS : EVENT_FOREVER;
}

/* One round: returns 1 when there is work for another right away. */
static int round(void)
{
	late = look_at != EVENT_FOREVER && time_ns() >= look_at;
	if (late && device->look)
		device->look(device);
	for (struct vbd *v = vbd_first(); v; v = vbd_next(v))
		if (!v->asked)
			v->kicked = 1;
	submit_waiting();
	while (take_requests())
		;
	if ((submitted || finished.first) && tick_at == EVENT_FOREVER)
		tick_at = time_ns() + TICK_NS;
	if (submitted)
		device->kick(device);
	submitted = 0;
	answer_finished();

	if (late || active < BUSY)
		look_at = EVENT_FOREVER;
	else if (look_at == EVENT_FOREVER)
		look_at = time_ns() + LOOK_NS;
	if (backend_due())
		return 1;
	if (full())
		return 0;
	for (struct vbd *v = vbd_first(); v; v = vbd_next(v))
		if (backend_serves(&v->backend) && (v->kicked || (!v->asked && v->active < BUSY)))
			return 1;
	return 0;
}

int blk_serve(struct blk_device *dev)
{
	int rc, more = 0;

	device = dev;
	scratch = page_alloc(1);
	if (!scratch)
		return -XEN_ENOMEM;
	rc = vbd_start(dev);
	if (rc)
		return rc;
	print("%s: %lu MiB, sectors of %u bytes%s%s%s\n", dev->name, dev->sectors >> 11, dev->sector_size,
	      dev->has_flush ? ", flush" : "", dev->has_discard ? ", discard" : "",
	      dev->read_only ? ", read-only" : "");
	device_ready();
	for (;;) {
		event_loop_once(more ? 0 : look_at < tick_at ? look_at : tick_at);
		if (tick_at != EVENT_FOREVER && time_ns() >= tick_at)
			tick();
		backend_update();
		backend_watch();
		more = round();
	}
}
