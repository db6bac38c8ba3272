/* SPDX-License-Identifier: MIT */
/* Starts the process that decodes, and passes on what it writes. */
#include "clipboard/picture.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"
#include "clipboard/clip.h"

/* A memfd with these bytes, to be read from its beginning; or -errno. */
static int memory_with(const void *data, size_t size)
{
	autoclose int fd = memfd_create("bmp", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < size;) {
		ssize_t written = pwrite(fd, (const char *)data + done, size - done, (off_t)done);

		if (written < 0 && errno != EINTR)
			return -errno;
		done += written > 0 ? (size_t)written : 0;
	}
	return steal_fd(&fd);
}

static void ended(struct program *program)
{
	struct picture *picture = container_of(program, struct picture, program);
	bool good = program->status == 0 && program->size > 0;

	picture->made(picture, good ? program->data : NULL, good ? program->size : 0);
}

static const struct program_ops ops = { .ended = ended };

int picture_start(struct picture *picture, struct loop *loop, const void *bmp, size_t size,
		  picture_fn made)
{
	static const char *const argv[] = { "/proc/self/exe", PICTURE_OPTION, NULL };
	autoclose int memory = memory_with(bmp, size);
	const struct program_how how = {
		.argv = argv, .input = memory, .max = CLIP_SIZE_MAX, .stall_ms = CLIP_STALL_MS
	};

	picture_stop(picture);
	picture->made = made;
	return memory < 0 ? memory : program_start(&picture->program, loop, &how, &ops);
}

void picture_stop(struct picture *picture)
{
	program_stop(&picture->program);
}
