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

#include "frame.h"
#include "loop.h"

#define GUEST_BOOT_MS 60000
#define GUEST_MS      20000 /* how long anything else may take */
#define GUEST_LINE    4096

struct guest {
	struct loop *loop;
	struct watch watch; /* its console, while it runs */
	pid_t pid;          /* 0: none runs */
	size_t used;
	char text[1 << 18]; /* from the console, not yet taken */
};

/* Starts this command (NULL at the end), whose stdin and stdout are the guest's console. */
void guest_start(struct guest *guest, struct loop *loop, const char *const *argv);
/* All three nodes are there, or are again. */
void guest_await_nodes(struct guest *guest);
/* Ends it at once, as a power failure would. Harmless where none runs. */
void guest_kill(struct guest *guest);
/* SIGSTOP, SIGCONT: the guest takes nothing meanwhile, and does not know. */
void guest_freeze(struct guest *guest);
void guest_thaw(struct guest *guest);
/* Kills the one that a failed test left. */
void guest_reset(void);

/*
 * The next line of the reader that begins with these words; what stands behind them goes to 'rest'
 * (GUEST_LINE bytes, or NULL). False where none came in time, or the guest ended.
 */
bool guest_says(struct guest *guest, const char *words, char *rest, int timeout_ms);
/* The same, or the test fails. */
void guest_await(struct guest *guest, const char *words);
void guest_tell(struct guest *guest, const char *question);
/* The answer goes to 'answer' (GUEST_LINE bytes). */
void guest_ask(struct guest *guest, const char *question, char *answer);
void guest_expect_answer(struct guest *guest, const char *question, const char *answer);

/* The node's next frame but for a key's repetitions, is this one: "leftctrl:1 a:1". */
void guest_expect(struct guest *guest, const char *node, const char *events);
void guest_expect_frame(struct guest *guest, const char *node, const struct frame *frame);
/* What its nodes read by now has been expected, but for repetitions. */
void guest_expect_no_more(struct guest *guest);
/* Forgets what its nodes read by now. */
void guest_drain(struct guest *guest);
