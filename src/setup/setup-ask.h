/* SPDX-License-Identifier: MIT */
/*
 * Questions on the terminal. Ctrl+C, Ctrl+D and the like end the conversation: 'ended' is set, and every
 * question after that is answered with its default, or with no. Owns a signalfd and the signal mask.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define ASK_ANSWER_MAX 256 /* bytes; longer answers are truncated */

struct ask {
	int fd; /* the signals, which stay blocked; -1: none */
	sigset_t before;
	bool ended;
};

#define ASK_INIT                                                                                   \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* True if there is somebody to ask. */
bool ask_is_possible(void);

/* 0 or -errno. Call ask_close in any case. */
int ask_open(struct ask *ask);
void ask_close(struct ask *ask);

/* Asks for yes or no. "" is 'by_default'. */
__attribute__((format(printf, 3, 4))) bool ask_yes(struct ask *ask, bool by_default,
						   const char *format, ...);

/* Asks for a number from 'from' to 'to'; "" is 'by_default', which is also one of them. */
__attribute__((format(printf, 5, 6))) unsigned ask_number(struct ask *ask, unsigned from,
							  unsigned to, unsigned by_default,
							  const char *format, ...);

/* Asks for a word, without blanks around it. 'answer' has the default, for "", and gets the word. */
__attribute__((format(printf, 3, 4))) void ask_word(struct ask *ask, char answer[ASK_ANSWER_MAX],
						    const char *format, ...);

/*
 * Runs this program with 'argv' behind its name, on this terminal, and waits for it. Signals of the
 * terminal are for it alone. Returns its exit status, 128 + signal, or -errno.
 */
int ask_run_self(struct ask *ask, const char *const *argv);
