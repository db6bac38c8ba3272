/* SPDX-License-Identifier: MIT */
/*
 * A Linux guest as a child process, with tests/guest/reader.c in it: what its own kernel reads from
 * evswitch's three devices, and questions to it. Its console is a watch of the caller's loop, so that
 * whatever the caller runs in that loop goes on while it waits. Everything is awaited with a
 * deadline; what fails ends the test with a message through cmocka.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/frame.h"
#include "base/loop.h"

#define MACHINE_BOOT_MS 600000
#define MACHINE_MS      60000 /* how long anything else may take */
#define MACHINE_LINE    4096

struct machine {
	struct loop *loop;
	struct watch watch; /* its console, while it runs */
	pid_t pid;          /* 0: none runs */
	size_t used;
	char text[1 << 18]; /* from the console, not yet taken */
};

/* Starts this command (NULL at the end), whose stdin and stdout are the guest's console. */
void machine_start(struct machine *machine, struct loop *loop, const char *const *argv);
/*
 * Starts the guest that tests/nested/run brings (environment NESTED_KERNEL, NESTED_INITRAMFS) in a QEMU
 * with these arguments (NULL at the end) behind its own, and waits until its reader runs: minutes.
 */
void machine_nest(struct machine *machine, struct loop *loop, const char *const *args);
/* All three nodes are there, or are again. */
void machine_await_nodes(struct machine *machine);
/* Ends it at once, as a power failure would. Harmless where none runs. */
void machine_kill(struct machine *machine);
/* SIGSTOP, SIGCONT: the guest takes nothing meanwhile, and does not know. */
void machine_freeze(struct machine *machine);
void machine_thaw(struct machine *machine);
/* Kills the one that a failed test left. */
void machine_reset(void);

/*
 * The next line of the reader that begins with these words; what stands behind them goes to 'rest'
 * (MACHINE_LINE bytes, or NULL). False where none came in time, or the guest ended.
 */
bool machine_says(struct machine *machine, const char *words, char *rest, int timeout_ms);
/* The same, or the test fails. */
void machine_await(struct machine *machine, const char *words);
void machine_tell(struct machine *machine, const char *question);
/* The answer goes to 'answer' (MACHINE_LINE bytes). */
void machine_ask(struct machine *machine, const char *question, char *answer);
void machine_expect_answer(struct machine *machine, const char *question, const char *answer);

/* The node's next frame but for a key's repetitions, is this one: "leftctrl:1 a:1". */
void machine_expect(struct machine *machine, const char *node, const char *events);
void machine_expect_frame(struct machine *machine, const char *node, const struct frame *frame);
/* What its nodes read by now has been expected, but for repetitions. */
void machine_expect_no_more(struct machine *machine);
/* Forgets what its nodes read by now. */
void machine_drain(struct machine *machine);
