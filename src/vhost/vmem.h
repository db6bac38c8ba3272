/* SPDX-License-Identifier: MIT */
/*
 * The guest memory that the front end shares (VHOST_USER_SET_MEM_TABLE): maps up to eight areas of
 * files, and translates the two kinds of addresses of the protocol. Owns the mappings, not the
 * descriptors. A table is either refused or safe to use: memory that the front end takes away later
 * reads as zeros.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost/sigbus.h"

#define VMEM_REGIONS_MAX 8
#define VMEM_TOTAL_MAX   (UINT64_C(1) << 42) /* bytes in all regions: 4 TiB */

/* A region in VHOST_USER_SET_MEM_TABLE's layout. */
struct vmem_area {
	uint64_t guest;  /* guest physical address: what descriptors hold */
	uint64_t size;   /* bytes */
	uint64_t user;   /* address in the front end: what VHOST_USER_SET_VRING_ADDR holds */
	uint64_t offset; /* into the file */
};

struct vmem_region {
	uint64_t guest, user, size;
	uint8_t *host; /* where its first byte is mapped */
	struct sigbus_range map;
};

/* Must not move while anything is mapped. Zeroed: nothing is. */
struct vmem {
	unsigned n;
	struct vmem_region region[VMEM_REGIONS_MAX];
};

/*
 * Maps n areas, each from its own descriptor, and unmaps the earlier ones, so that pointers into
 * them become invalid. The caller keeps the descriptors and may close them. 0 or -errno, and the
 * earlier mappings remain. -EINVAL: no or too many areas; one that is empty, overlaps another or
 * exceeds an address space or the file; more than VMEM_TOTAL_MAX bytes; or a file that is neither
 * memory nor on a local disk file system, which is checked without waiting (peer-fd.h). Else
 * fstat's or mmap's error.
 */
int vmem_map(struct vmem *vmem, const struct vmem_area *areas, const int *fds, unsigned n);
void vmem_unmap(struct vmem *vmem);

/*
 * Hot. Where the 'size' bytes at a guest physical address are mapped; NULL if they are not within
 * one region. 'size' must not be 0.
 */
static inline void *vmem_guest(const struct vmem *vmem, uint64_t addr, uint64_t size)
{
	for (unsigned i = 0; i < vmem->n; i++) {
		const struct vmem_region *region = &vmem->region[i];
		uint64_t at = addr - region->guest;

		if (at < region->size && size <= region->size - at)
			return region->host + at;
	}
	return NULL;
}

/* The same for an address in the front end. */
void *vmem_user(const struct vmem *vmem, uint64_t addr, uint64_t size);

/* True if the front end has truncated a file: its memory is lost until it sends a new table. */
bool vmem_broken(const struct vmem *vmem);
