/* SPDX-License-Identifier: MIT */
/* The process that decodes BMP, by gdk-pixbuf. */
#include <errno.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/util.h"
#include "clipboard/clip.h"
#include "clipboard/picture.h"

/* A picture of one white point: 24 bits a point, bottom-up, without a colour table. */
static const unsigned char smallest[] = { 'B', 'M', 58, 0, 0, 0, 0, 0, 0, 0,   54,  0,   0, 0,  40,
					  0,   0,   0,  1, 0, 0, 0, 1, 0, 0,   0,   1,   0, 24, 0,
					  0,   0,   0,  0, 4, 0, 0, 0, 0, 0,   0,   0,   0, 0,  0,
					  0,   0,   0,  0, 0, 0, 0, 0, 0, 255, 255, 255, 0 };

/* Called once the size is known, and before memory is allocated: no size at all ends the loader. */
static void limit_size(GdkPixbufLoader *loader, int width, int height, void *unused)
{
	(void)unused;
	if (width <= 0 || height <= 0 || height > PICTURE_POINTS_MAX / width)
		gdk_pixbuf_loader_set_size(loader, 0, 0);
}

/* PNG in *png, which the caller frees by g_free; 0 if it is no picture. */
static size_t convert(const unsigned char *bmp, size_t size, char **png)
{
	GdkPixbufLoader *loader = gdk_pixbuf_loader_new_with_type("bmp", NULL);
	GdkPixbuf *pixbuf = NULL;
	gsize made = 0;

	*png = NULL;
	if (!loader)
		return 0;
	g_signal_connect(loader, "size-prepared", G_CALLBACK(limit_size), NULL);
	if (gdk_pixbuf_loader_write(loader, bmp, size, NULL) &
	    gdk_pixbuf_loader_close(loader, NULL))
		pixbuf = gdk_pixbuf_loader_get_pixbuf(loader);
	/* A desktop's whole screen takes less than 0.1 s at this level, and half a second at 6. */
	if (!pixbuf ||
	    !gdk_pixbuf_save_to_buffer(pixbuf, png, &made, "png", NULL, "compression", "1", NULL))
		made = 0;
	g_object_unref(loader);
	return made;
}

/* Standard input as a whole, up to the limit of a clipboard. NULL: it cannot be read. */
static unsigned char *read_input(size_t *size)
{
	unsigned char *bytes = malloc(CLIP_SIZE_MAX);
	ssize_t got = 1;

	*size = 0;
	while (bytes && got != 0 && *size < CLIP_SIZE_MAX) {
		got = read(STDIN_FILENO, bytes + *size, CLIP_SIZE_MAX - *size);
		if (got < 0 && errno != EINTR)
			return NULL;
		*size += got > 0 ? (size_t)got : 0;
	}
	return bytes;
}

static bool write_output(const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(STDOUT_FILENO, bytes, size);

		if (written < 0 && errno != EINTR)
			return false;
		bytes += written > 0 ? written : 0;
		size -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

/* What decoding, the C library's memory and the end of a process take. Memory is never made executable. */
static const struct confine_call calls[] = {
	{ SYS_read, 0, 0, 0 },          { SYS_write, 0, 0, 0 },        { SYS_brk, 0, 0, 0 },
	{ SYS_mmap, 2, PROT_EXEC, 0 },  { SYS_mremap, 0, 0, 0 },       { SYS_munmap, 0, 0, 0 },
	{ SYS_madvise, 0, 0, 0 },       { SYS_futex, 0, 0, 0 },        { SYS_getrandom, 0, 0, 0 },
	{ SYS_clock_gettime, 0, 0, 0 }, { SYS_rt_sigreturn, 0, 0, 0 }, { SYS_exit_group, 0, 0, 0 },
};

/* Kernels without either leave what the service's unit restricts. */
static void confine(void)
{
	const struct rlimit memory = { PICTURE_MEMORY, PICTURE_MEMORY };
	const struct rlimit cpu = { PICTURE_CPU_S, PICTURE_CPU_S };

#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is larger */
	setrlimit(RLIMIT_AS, &memory);
#endif
	(void)memory;
	(void)calls;
	setrlimit(RLIMIT_CPU, &cpu);
#ifndef __SANITIZE_ADDRESS__ /* it looks for leaks at the end, in /proc */
	confine_files(NULL, 0);
	confine_calls(calls, ARRAY_SIZE(calls));
#endif
}

int picture_main(void)
{
	autofree unsigned char *bmp = NULL;
	size_t size, made;
	char *png;

	/* Once, with data of our own, so that all that it opens is open. */
	made = convert(smallest, sizeof(smallest), &png);
	g_free(png);
	if (!made) {
		fputs("evswitch-clipboard: gdk-pixbuf reads no BMP or writes no PNG here\n",
		      stderr);
		return EX_UNAVAILABLE;
	}
	confine();
	bmp = read_input(&size);
	made = bmp ? convert(bmp, size, &png) : 0;
	if (!made)
		return EX_DATAERR;
	if (!write_output(png, made))
		return EX_IOERR;
	g_free(png);
	return EX_OK;
}
