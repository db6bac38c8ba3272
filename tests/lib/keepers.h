/* SPDX-License-Identifier: MIT */
/*
 * What tests need to know of a guest's keepers: which process it is, what it holds, whether it
 * is idle; and a keeper that the test plays itself. What fails ends the test with a message through
 * cmocka.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "keeper/keeper-message.h"

/* The guest that all this is about, if it is not "one". */
void keepers_look_at(const char *guest);

/* The keeper that runs now, awaited; another than 'but' (0: any). */
pid_t keeper_find(pid_t but);
/* Whether one runs at this moment. */
bool keeper_runs(void);
/* Ends all of them, and waits for it. */
void keepers_kill(void);
/* Waits until this one has ended; milliseconds. One that does not fails the test. */
long keeper_await_end(pid_t keeper, int timeout_ms);
/* How many of its descriptors are this path, or begin with it where it ends with "*". */
unsigned keeper_holds(pid_t keeper, const char *path);
/* Waits until it is so many: what peers passed, a thread closes. */
void keeper_await_holds(pid_t keeper, const char *path, unsigned n);
/* Measures for some seconds that it sleeps nearly all the time while nothing happens. */
void keeper_expect_idle(pid_t keeper, const char *when);

/* Listens where the guest's keeper would. */
int keeper_play(void);
/* The next connection of a daemon, awaited. */
int keeper_accept(int listener);
/* The daemon has said nothing but goodbye, and has closed this connection. */
void keeper_expect_silence(int connection);
/* Ends the play: closes the listener and removes its file. */
void keeper_unplay(int listener);
/* Connects to the guest's keeper, as a daemon would. */
int keeper_connect(void);
/* Connects so often, and goes away, that nobody more can connect until it has accepted. */
void keeper_crowd(void);
/* The next message from it, without descriptors. */
void keeper_receive(int connection, struct keeper_message *message);
