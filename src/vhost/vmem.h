/*
 * The guest's memory as the front end shares it (VHOST_USER_SET_MEM_TABLE): up to eight pieces of
 * files, mapped here, found by either of the two addresses that the protocol uses. Owns the mappings,
 * not the descriptors. Whatever a front end sends is refused or safe: a piece that it takes away
 * later reads as zeros.
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

/* Stays where it is while anything is mapped. Zeroed: nothing is. */
struct vmem {
	unsigned n;
	struct vmem_region region[VMEM_REGIONS_MAX];
};

/*
 * Maps n areas, each from its own descriptor, in the place of what was mapped before; pointers into
 * that are void. The descriptors may be closed after. -EINVAL: none or too many, empty, beyond the
 * end of an address space or of the file, overlapping, above the cap, or neither memory nor a file of a
 * local disk file system, which is found out without waiting (peer-fd.h); or fstat's or mmap's error. After an error all is as it was.
 */
int vmem_map(struct vmem *vmem, const struct vmem_area *areas, const int *fds, unsigned n);
void vmem_unmap(struct vmem *vmem);

/*
 * Hot. Where 'size' bytes at a guest physical address are mapped: all of them within one region, else
 * NULL. 'size' is not 0.
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

/* The front end has truncated a file: what it shared is gone until it sends another table. */
bool vmem_broken(const struct vmem *vmem);
