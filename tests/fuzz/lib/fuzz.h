/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. A target is a program with one function, fuzz_one, which draws what it
 * does from the input. After each run, fuzz.c checks what no input may cause: a descriptor that stays
 * open, shared memory that stays mapped, a close that never ends, a line in the log that is not
 * printable; and it ends a run that takes too much of the processor. The sanitizers find the rest.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The part of the input that has not been drawn. An input that has ended gives zeros. */
struct fuzz {
	const uint8_t *at;
	size_t left;
};

/* The target. It leaves nothing behind: no descriptor, no memory. */
void fuzz_one(struct fuzz *fuzz);

uint8_t fuzz_u8(struct fuzz *fuzz);
/* Little-endian. */
uint16_t fuzz_u16(struct fuzz *fuzz);
uint32_t fuzz_u32(struct fuzz *fuzz);
uint64_t fuzz_u64(struct fuzz *fuzz);
/* 0 to n - 1; n is at most 256. */
unsigned fuzz_below(struct fuzz *fuzz, unsigned n);
/* The next bytes, *size of them, or fewer where the input ends. */
const uint8_t *fuzz_take(struct fuzz *fuzz, size_t *size);
/* A text of one to 'size' - 1 bytes; the next byte of the input says how many. Returns its length. */
size_t fuzz_text(struct fuzz *fuzz, char *text, size_t size);

/* Says what is wrong and where, and aborts: libFuzzer then keeps the input. */
#define FUZZ_CHECK(condition, ...)                                                                 \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0))                                             \
			fuzz_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                    \
	} while (0)
__attribute__((format(printf, 4, 5), noreturn)) void
fuzz_fail(const char *file, int line, const char *condition, const char *format, ...);

/* Valid UTF-8 without control characters, as far as 'size' goes. */
bool fuzz_is_printable(const char *text, size_t size);

/* A directory of the process's own, also $XDG_RUNTIME_DIR; removed at the end. */
const char *fuzz_dir(void);
