/* SPDX-License-Identifier: MIT */
/* A guest's memory: what is refused, what an address finds, and a file that is cut under our feet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/peer-fd.h"
#include "base/util.h"
#include "vhost/vmem.h"

#define FILE_SIZE 0x10000
#define TOP       (UINT64_MAX - 0xfff)

static struct vmem vmem;
static int fds[VMEM_REGIONS_MAX + 1];

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = memfd_create("guest", MFD_CLOEXEC);
		if (fds[i] < 0 || ftruncate(fds[i], FILE_SIZE) < 0)
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vmem_unmap(&vmem);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		close_fd(&fds[i]);
	return 0;
}

/* How many of the process's mappings are of a guest's file. */
static unsigned mapped(void)
{
	char line[256];
	unsigned n = 0;
	FILE *maps = fopen("/proc/self/maps", "re");

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		n += strstr(line, "memfd:guest") != NULL;
	fclose(maps);
	return n;
}

static int map(const struct vmem_area *areas, unsigned n)
{
	return vmem_map(&vmem, areas, fds, n);
}

static void write_byte(int fd, off_t offset, uint8_t byte)
{
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
}

static void finds_both_kinds_of_address(void **state)
{
	static const struct vmem_area areas[] = {
		{ .guest = 0, .size = 0x3000, .user = 0x7f0000001000, .offset = 0 },
		{ .guest = 0x100000, .size = 0x2000, .user = 0x7f0000101000, .offset = 0x4000 },
	};

	(void)state;
	write_byte(fds[0], 0x123, 42);
	write_byte(fds[1], 0x4000 + 0x456, 43);
	assert_int_equal(map(areas, 2), 0);
	assert_int_equal(*(uint8_t *)vmem_guest(&vmem, 0x123, 1), 42);
	assert_int_equal(*(uint8_t *)vmem_user(&vmem, 0x7f0000001123, 1), 42);
	assert_int_equal(*(uint8_t *)vmem_guest(&vmem, 0x100456, 1), 43);
	assert_int_equal(*(uint8_t *)vmem_user(&vmem, 0x7f0000101456, 1), 43);
	/* Neither is the other. */
	assert_null(vmem_guest(&vmem, 0x7f0000001123, 1));
	assert_null(vmem_user(&vmem, 0x123, 1));
	assert_false(vmem_broken(&vmem));
}

static void finds_whole_extents_only(void **state)
{
	static const struct vmem_area areas[] = {
		{ .guest = 0x1000, .size = 0x1000, .user = 0x5000, .offset = 0 },
		{ .guest = 0x2000, .size = 0x1000, .user = 0x6000, .offset = 0 },
	};

	(void)state;
	assert_null(vmem_guest(&vmem, 0, 1));
	assert_int_equal(map(areas, 2), 0);
	assert_non_null(vmem_guest(&vmem, 0x1000, 0x1000));
	assert_non_null(vmem_guest(&vmem, 0x1fff, 1));
	assert_null(vmem_guest(&vmem, 0xfff, 1));
	assert_null(vmem_guest(&vmem, 0xfff, 2));
	assert_null(vmem_guest(&vmem, 0x1000, 0x1001));
	assert_null(vmem_guest(&vmem, 0x1ffc, 8)); /* neighbours, but two mappings */
	assert_null(vmem_guest(&vmem, 0x3000, 1));
	assert_null(vmem_guest(&vmem, 0x1800, UINT64_MAX));
	assert_null(vmem_guest(&vmem, 0x1800, UINT64_MAX - 0x1800 + 1));
	assert_null(vmem_guest(&vmem, UINT64_MAX, 1));
	assert_null(vmem_guest(&vmem, UINT64_MAX - 3, 8));
	assert_non_null(vmem_user(&vmem, 0x6000, 0x1000));
	assert_null(vmem_user(&vmem, 0x5fff, 2));
	assert_null(vmem_user(&vmem, 0x6800, UINT64_MAX));
}

/* Nothing of it is mapped, and what was before stays. */
static void refuses_a_file_that_cannot_be_written(void **state)
{
	static const struct vmem_area area = { .guest = 0, .size = 0x1000, .user = 0 };
	char path[32];
	int fd;

	(void)state;
	assert_int_equal(map(&area, 1), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(vmem_map(&vmem, &area, &fd, 1), -EACCES);
	assert_non_null(vmem_guest(&vmem, 0, 1));
	assert_int_equal(mapped(), 1);
	close(fd);
}

static void areas_may_touch_in_any_order(void **state)
{
	static const struct vmem_area areas[] = {
		{ .guest = 0x2000, .size = 0x1000, .user = 0x6000 },
		{ .guest = 0x1000, .size = 0x1000, .user = 0x5000 },
		{ .guest = 0x3000, .size = 0x1000, .user = 0x7000 },
	};

	(void)state;
	assert_int_equal(map(areas, ARRAY_SIZE(areas)), 0);
	assert_int_equal(mapped(), ARRAY_SIZE(areas));
	vmem_unmap(&vmem);
	assert_int_equal(mapped(), 0);
}

static void empty_areas_and_extents(void **state)
{
	static const struct vmem_area area = { .guest = 0x1000, .size = 0x1000, .user = 0x1000 };
	static const struct vmem_area empty = { .guest = 0, .size = 0, .user = 0, .offset = 1 };

	(void)state;
	assert_int_equal(map(&empty, 1), -EINVAL);
	assert_int_equal(map(&area, 1), 0);
	assert_null(vmem_user(&vmem, 0x2000, 0)); /* the first byte behind it */
}

/* Guest memory stays out of core dumps. */
static void is_not_dumped(void **state)
{
	static const struct vmem_area area = { .guest = 0, .size = 0x1000, .user = 0 };
	bool ours = false, left_out = false;
	char line[512];
	FILE *maps;

	(void)state;
	assert_int_equal(map(&area, 1), 0);
	maps = fopen("/proc/self/smaps", "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (strstr(line, "memfd:guest"))
			ours = true;
		if (ours && strncmp(line, "VmFlags:", 8) == 0) {
			left_out = strstr(line, " dd");
			break;
		}
	}
	fclose(maps);
	assert_true(left_out);
}

/* How many mappings are left out of core dumps. */
static unsigned left_out(void)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned n = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		n += strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd");
	fclose(maps);
	return n;
}

/* And nothing else of ours does: what lies behind it is dumped, wherever in its file it begins. */
static void nothing_else_is_left_out(void **state)
{
	static const struct vmem_area area = { .size = 0x1000, .offset = 0x2000 };
	const size_t size = 0x8000;
	uint8_t *around = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned before = left_out();

	(void)state;
	assert_true(around != MAP_FAILED);
	/* A hole of its size, right below what is ours: the kernel fills it. */
	assert_int_equal(munmap(around + 0x3000, 0x1000), 0);
	assert_int_equal(map(&area, 1), 0);
	assert_int_equal(left_out(), before + 1);
	vmem_unmap(&vmem);
	munmap(around, size);
}

/* A guest's memory may be a file on a disk of this machine. */
static void maps_a_file(void **state)
{
	static const struct vmem_area area = { .size = 0x1000, .offset = 0x2000 };
	autoclose int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)state;
	if (fd < 0 || peer_fd_kind(fd) != PEER_FD_FILE) {
		puts("skip: /var/tmp is on no local disk here");
		skip();
	}
	assert_int_equal(ftruncate(fd, FILE_SIZE), 0);
	write_byte(fd, 0x2000 + 0x123, 42);
	assert_int_equal(vmem_map(&vmem, &area, &fd, 1), 0);
	assert_int_equal(*(uint8_t *)vmem_guest(&vmem, 0x123, 1), 42);
}

/* Pages of 2 MiB are mapped whole, wherever the area in them begins. */
static void huge_pages(void **state)
{
	static const struct vmem_area area = {
		.guest = 0, .size = 0x100000, .user = 0, .offset = 0x80000
	};
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);

	(void)state;
	if (fd < 0 || ftruncate(fd, 0x200000) < 0) {
		puts("skip: no huge pages of 2 MiB in this kernel");
		skip();
	}
	assert_int_equal(vmem_map(&vmem, &area, &fd, 1), 0);
	vmem_unmap(&vmem);
	assert_int_equal(mapped(), 0);
	close(fd);
}

static void maps_at_odd_offsets(void **state)
{
	static const struct vmem_area area = {
		.guest = 0x1234, .size = 0x1001, .user = 0x9999, .offset = 0x1777
	};

	(void)state;
	write_byte(fds[0], 0x1777, 1);
	write_byte(fds[0], 0x1777 + 0x1000, 2);
	assert_int_equal(map(&area, 1), 0);
	assert_int_equal(*(uint8_t *)vmem_guest(&vmem, 0x1234, 1), 1);
	assert_int_equal(*(uint8_t *)vmem_user(&vmem, 0x9999 + 0x1000, 1), 2);
	assert_int_equal(vmem.region[0].map.size, 0x2000);
	*(uint8_t *)vmem_guest(&vmem, 0x1235, 1) = 3;
	assert_int_equal(*(uint8_t *)vmem_guest(&vmem, 0x1235, 1), 3);
}

/* As many pages as the area touches. */
static void maps_whole_pages(void **state)
{
	static const struct {
		uint64_t size, mapped;
	} sizes[] = { { 1, 0x1000 }, { 0xfff, 0x1000 }, { 0x1000, 0x1000 }, { 0x1001, 0x2000 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct vmem_area area = { .size = sizes[i].size, .offset = 0x3000 };

		assert_int_equal(map(&area, 1), 0);
		assert_int_equal(vmem.region[0].map.size, sizes[i].mapped);
	}
}

static void shares_what_it_writes(void **state)
{
	static const struct vmem_area area = { .guest = 0, .size = FILE_SIZE, .user = 0 };
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(map(&area, 1), 0);
	*(uint8_t *)vmem_guest(&vmem, 0x2345, 1) = 7;
	assert_int_equal(pread(fds[0], &byte, 1, 0x2345), 1);
	assert_int_equal(byte, 7);
}

static void refuses_bad_tables(void **state)
{
	static const struct vmem_area good = { .guest = 0x1000, .size = 0x1000, .user = 0x1000 };
	static const struct vmem_area bad[] = {
		{ .guest = 0x8000, .size = 0, .user = 0x8000 },
		{ .guest = TOP, .size = 0x2000, .user = 0x8000 },
		{ .guest = 0x8000, .size = 0x2000, .user = TOP },
		{ .guest = 0x8000, .size = 0x1000, .user = 0x8000, .offset = TOP },
		{ .guest = 0x8000, .size = 0x1000, .user = 0x8000, .offset = FILE_SIZE },
		{ .guest = 0x8000, .size = 0x1001, .user = 0x8000, .offset = FILE_SIZE - 0x1000 },
		{ .guest = 0x8000, .size = FILE_SIZE + 1, .user = 0x8000 },
		{ .guest = 0x8000, .size = UINT64_MAX, .user = 0x8000 },
		{ .guest = 0x8000, .size = VMEM_TOTAL_MAX + 1, .user = 0x8000 },
		/* beside the good one */
		{ .guest = 0x1fff, .size = 0x1000, .user = 0x8000 },
		{ .guest = 0x8000, .size = 0x1000, .user = 0x0800 },
		{ .guest = 0x1800, .size = 0x10, .user = 0x8000 },
		{ .guest = 0, .size = 0x4000, .user = 0x8000 },
	};

	(void)state;
	assert_int_equal(map(&good, 1), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vmem_area two[] = { good, bad[i] };
		struct vmem_area swapped[] = { bad[i], good };

		assert_int_equal(map(two, 2), -EINVAL);
		assert_int_equal(map(swapped, 2), -EINVAL);
		/* What was there before is still there. */
		assert_int_equal(mapped(), 1);
		assert_non_null(vmem_guest(&vmem, 0x1000, 0x1000));
	}
}

/* Each with each of those before it, and not only with its neighbour or the first. */
static void refuses_overlaps_of_any_two(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 4; a++)
		for (unsigned b = 0; b < 4; b++)
			for (unsigned user = 0; user < 2; user++) {
				struct vmem_area areas[4];

				for (unsigned i = 0; i < 4; i++)
					areas[i] = (struct vmem_area){ .guest = i * 0x10000,
								       .size = 0x1000,
								       .user = i * 0x10000 };
				*(user ? &areas[b].user : &areas[b].guest) = a * 0x10000 + 0xfff;
				assert_int_equal(map(areas, 4), a == b ? 0 : -EINVAL);
			}
}

static void refuses_bad_numbers(void **state)
{
	struct vmem_area areas[VMEM_REGIONS_MAX + 1];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(areas); i++)
		areas[i] = (struct vmem_area){ .guest = i * 0x1000,
					       .size = 0x1000,
					       .user = i * 0x1000 };
	assert_int_equal(map(areas, 0), -EINVAL);
	assert_int_equal(map(areas, VMEM_REGIONS_MAX + 1), -EINVAL);
	assert_int_equal(map(areas, VMEM_REGIONS_MAX), 0);
	assert_int_equal(mapped(), VMEM_REGIONS_MAX);
}

/* Sparse files cost nothing: so only the cap keeps a table from filling the address space. */
static void caps_the_total(void **state)
{
	struct vmem_area two[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		two[i] = (struct vmem_area){ .guest = i * VMEM_TOTAL_MAX,
					     .size = VMEM_TOTAL_MAX / 2 + i,
					     .user = i * VMEM_TOTAL_MAX };
		assert_int_equal(ftruncate(fds[i], VMEM_TOTAL_MAX), 0);
	}
	assert_int_equal(map(two, 2), -EINVAL);
	two[1].size--;
	assert_int_equal(map(two, 2), 0);
	two[0].size = VMEM_TOTAL_MAX;
	assert_int_equal(map(two, 1), 0);
}

static void refuses_what_is_no_memory(void **state)
{
	static const struct vmem_area area = { .guest = 0, .size = 0x1000, .user = 0 };
	static const char *const paths[] = { "/dev/zero", "/dev/null", "/tmp" };
	char name[64];
	int pipes[2], fd;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		autoclose int other = open(paths[i], O_RDONLY | O_CLOEXEC);

		assert_true(other >= 0);
		assert_true(vmem_map(&vmem, &area, &other, 1) < 0);
	}
	assert_int_equal(pipe(pipes), 0);
	assert_true(vmem_map(&vmem, &area, &pipes[0], 1) < 0);
	close(pipes[0]);
	close(pipes[1]);
	fd = -1;
	assert_int_equal(vmem_map(&vmem, &area, &fd, 1), -EBADF);
	/* One that may not be written. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[0]);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(vmem_map(&vmem, &area, &fd, 1), -EACCES);
	close(fd);
	assert_int_equal(vmem.n, 0);
}

/* Areas that were mapped before one that fails are unmapped again. */
static void leaks_nothing_on_failure(void **state)
{
	static const struct vmem_area areas[] = {
		{ .guest = 0, .size = 0x1000, .user = 0 },
		{ .guest = 0x1000, .size = 0x1000, .user = 0x1000 },
		{ .guest = 0x2000, .size = 2 * FILE_SIZE, .user = 0x2000 },
	};

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(map(areas, 3), -EINVAL);
	assert_int_equal(mapped(), 0);
}

static void replaces_the_table(void **state)
{
	static const struct vmem_area one[] = {
		{ .guest = 0, .size = 0x1000, .user = 0 },
		{ .guest = 0x1000, .size = 0x1000, .user = 0x1000 },
	};
	static const struct vmem_area other = { .guest = 0x8000, .size = 0x1000, .user = 0x8000 };

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(map(one, 2), 0);
		assert_int_equal(mapped(), 2);
	}
	assert_int_equal(map(&other, 1), 0);
	assert_int_equal(mapped(), 1);
	assert_null(vmem_guest(&vmem, 0, 1));
	assert_non_null(vmem_guest(&vmem, 0x8000, 1));
	vmem_unmap(&vmem);
	vmem_unmap(&vmem);
	assert_int_equal(mapped(), 0);
	assert_null(vmem_guest(&vmem, 0x8000, 1));
}

static void survives_a_truncated_file(void **state)
{
	static const struct vmem_area areas[] = {
		{ .guest = 0, .size = FILE_SIZE, .user = 0 },
		{ .guest = FILE_SIZE, .size = FILE_SIZE, .user = FILE_SIZE },
	};
	volatile uint8_t *cut, *whole;

	(void)state;
	write_byte(fds[1], 0x2000, 9);
	assert_int_equal(map(areas, 2), 0);
	cut = vmem_guest(&vmem, 0x2000, 1);
	whole = vmem_guest(&vmem, FILE_SIZE + 0x2000, 1);
	*cut = 1;
	assert_int_equal(ftruncate(fds[0], 0), 0);
	assert_false(vmem_broken(&vmem));
	assert_int_equal(*cut, 0);
	assert_true(vmem_broken(&vmem));
	*cut = 2; /* reaches nobody */
	assert_int_equal(*cut, 2);
	cut = vmem_guest(&vmem, FILE_SIZE - 1, 1);
	*cut = 3;
	assert_int_equal(*whole, 9); /* the other file is as it was */
	assert_int_equal(ftruncate(fds[0], FILE_SIZE), 0);
	assert_true(vmem_broken(&vmem)); /* for good */
	/* A new table is whole again. */
	assert_int_equal(map(areas, 2), 0);
	assert_false(vmem_broken(&vmem));
	assert_int_equal(*(uint8_t *)vmem_guest(&vmem, 0x2000, 1), 0);
}

/* Each file is watched, not only the first. */
static void survives_the_second_file(void **state)
{
	static const struct vmem_area areas[] = {
		{ .guest = 0, .size = FILE_SIZE, .user = 0 },
		{ .guest = FILE_SIZE, .size = FILE_SIZE, .user = FILE_SIZE },
		{ .guest = 2 * FILE_SIZE, .size = FILE_SIZE, .user = 2 * FILE_SIZE },
	};

	(void)state;
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(map(areas, 3), 0);
		assert_int_equal(ftruncate(fds[i], 0), 0);
		assert_int_equal(*(volatile uint8_t *)vmem_guest(&vmem, i * FILE_SIZE, 1), 0);
		assert_true(vmem_broken(&vmem));
		assert_int_equal(ftruncate(fds[i], FILE_SIZE), 0);
	}
}

/* What is no access to a guest's memory ends the process as it would without us. */
static void other_bus_errors_are_fatal(void **state)
{
	static const struct vmem_area areas[] = {
		{ .guest = 0, .size = 0x1000, .user = 0 },
		{ .guest = 0x1000, .size = 0x1000, .user = 0x1000 },
	};
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(map(areas, 2), 0);
	assert_int_equal(map(areas, 2), 0); /* also after another table */
	for (unsigned sent = 0; sent < 2; sent++) {
		pid = fork();
		if (pid == 0) {
			volatile uint8_t *own = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE,
						     MAP_SHARED, fds[1], 0);

			if (sent)
				raise(SIGBUS);
			if (own != MAP_FAILED && ftruncate(fds[1], 0) == 0)
				*own = 1;
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	}
}

#define vmem_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		vmem_test(finds_both_kinds_of_address),
		vmem_test(finds_whole_extents_only),
		vmem_test(refuses_a_file_that_cannot_be_written),
		vmem_test(areas_may_touch_in_any_order),
		vmem_test(empty_areas_and_extents),
		vmem_test(is_not_dumped),
		vmem_test(nothing_else_is_left_out),
		vmem_test(maps_a_file),
		vmem_test(huge_pages),
		vmem_test(maps_at_odd_offsets),
		vmem_test(shares_what_it_writes),
		vmem_test(refuses_bad_tables),
		vmem_test(refuses_overlaps_of_any_two),
		vmem_test(refuses_bad_numbers),
		vmem_test(caps_the_total),
		vmem_test(refuses_what_is_no_memory),
		vmem_test(leaks_nothing_on_failure),
		vmem_test(replaces_the_table),
		vmem_test(survives_a_truncated_file),
		vmem_test(other_bus_errors_are_fatal),
		vmem_test(maps_whole_pages),
		vmem_test(survives_the_second_file),
	};

	return cmocka_run_group_tests_name("vmem", tests, NULL, NULL);
}
