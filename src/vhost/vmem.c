/* SPDX-License-Identifier: MIT */
/* Checks the areas, maps them, then replaces the earlier ones. */
#include "vhost/vmem.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/peer-fd.h"
#include "base/util.h"

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* True if no area wraps around its address space, so that later sums cannot either. */
static bool ends_are_sane(const struct vmem_area *area)
{
	uint64_t end;

	return area->size > 0 && area->size <= VMEM_TOTAL_MAX &&
	       !__builtin_add_overflow(area->guest, area->size, &end) &&
	       !__builtin_add_overflow(area->user, area->size, &end) &&
	       !__builtin_add_overflow(area->offset, area->size, &end) && end <= INT64_MAX;
}

static int check_areas(const struct vmem_area *areas, unsigned n)
{
	uint64_t total = 0;

	if (n == 0 || n > VMEM_REGIONS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		const struct vmem_area *area = &areas[i];

		if (!ends_are_sane(area))
			return -EINVAL;
		total += area->size;
		for (unsigned k = 0; k < i; k++)
			if (overlaps(area->guest, area->size, areas[k].guest, areas[k].size) ||
			    overlaps(area->user, area->size, areas[k].user, areas[k].size))
				return -EINVAL;
	}
	return total <= VMEM_TOTAL_MAX ? 0 : -EINVAL;
}

/*
 * The page size of a file if it may be mapped, else -errno. Only files that this machine's kernel
 * serves are allowed: a process behind a file system could leave our accesses unanswered.
 */
static int page_size(int fd, const struct vmem_area *area, uint64_t *page)
{
	int kind = peer_fd_kind(fd);
	struct stat stat;
	struct statfs fs = { 0 };

	if (kind != PEER_FD_MEMORY && kind != PEER_FD_FILE)
		return kind < 0 ? kind : -EINVAL;
	if (fstat(fd, &stat) < 0 || (kind == PEER_FD_MEMORY && fstatfs(fd, &fs) < 0))
		return -errno;
	if ((uint64_t)stat.st_size < area->offset + area->size)
		return -EINVAL;
	*page = (uint64_t)(fs.f_type == HUGETLBFS_MAGIC ? fs.f_bsize : sysconf(_SC_PAGESIZE));
	return 0;
}

static int map_area(struct vmem_region *region, const struct vmem_area *area, int fd)
{
	uint64_t page = 0, start, end;
	void *map;
	int rc = page_size(fd, area, &page);

	if (rc < 0)
		return rc;
	start = area->offset & ~(page - 1);
	end = (area->offset + area->size + page - 1) & ~(page - 1);
	map = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		   (off_t)start);
	if (map == MAP_FAILED)
		return -errno;
	madvise(map, end - start, MADV_DONTDUMP);
	*region = (struct vmem_region){
		.guest = area->guest,
		.user = area->user,
		.size = area->size,
		.host = (uint8_t *)map + (area->offset - start),
		.map = { .addr = map, .size = end - start },
	};
	return 0;
}

int vmem_map(struct vmem *vmem, const struct vmem_area *areas, const int *fds, unsigned n)
{
	struct vmem fresh = { 0 };
	int rc = check_areas(areas, n);

	for (; rc == 0 && fresh.n < n; fresh.n += rc == 0)
		rc = map_area(&fresh.region[fresh.n], &areas[fresh.n], fds[fresh.n]);
	if (rc < 0) {
		vmem_unmap(&fresh);
		return rc;
	}
	vmem_unmap(vmem);
	*vmem = fresh;
	for (unsigned i = 0; i < n && rc == 0; i++) {
		struct sigbus_range *map = &vmem->region[i].map;

		rc = sigbus_watch(map, map->addr, map->size);
	}
	if (rc < 0)
		vmem_unmap(vmem);
	return rc;
}

void vmem_unmap(struct vmem *vmem)
{
	for (unsigned i = 0; i < vmem->n; i++) {
		struct sigbus_range map = vmem->region[i].map;

		sigbus_unwatch(&vmem->region[i].map);
		munmap(map.addr, map.size);
	}
	*vmem = (struct vmem){ 0 };
}

void *vmem_user(const struct vmem *vmem, uint64_t addr, uint64_t size)
{
	for (unsigned i = 0; i < vmem->n; i++) {
		const struct vmem_region *region = &vmem->region[i];
		uint64_t at = addr - region->user;

		if (at < region->size && size <= region->size - at)
			return region->host + at;
	}
	return NULL;
}

bool vmem_broken(const struct vmem *vmem)
{
	for (unsigned i = 0; i < vmem->n; i++)
		if (vmem->region[i].map.hit)
			return true;
	return false;
}
