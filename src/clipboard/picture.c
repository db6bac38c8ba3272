/* SPDX-License-Identifier: MIT */
/* Starts the process that decodes, and passes on what it writes. */
#include "clipboard/picture.h"

#include "base/util.h"
#include "clipboard/clip.h"

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
	autoclose int memory = program_input(bmp, size);
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
