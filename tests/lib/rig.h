/* SPDX-License-Identifier: MIT */
/*
 * A guest's end without the program: its three real nodes, and what follows the guest and attaches
 * them. Everything is awaited with a deadline; what fails ends the test with a message through cmocka.
 */
#pragma once

#include <stdbool.h>

#include "qemu/attach.h"
#include "conf/conf.h"
#include "launch/launch.h"
#include "qemu/vm.h"
#include "base/loop.h"
#include "evdev/node.h"
#include "core/shape.h"

#define RIG_SOCKET_DIR "/tmp/evswitch-sockets"
#define RIG_WAIT_MS    (2 * ATTACH_STEP_MS)

struct rig {
	struct launcher launcher;
	struct loop loop;
	struct conf_guest guest; /* "one" */
	struct vm vm;
	struct attach attach;
	struct node node[SHAPE_NODES];
	bool has_node[SHAPE_NODES];
	unsigned resets; /* told by vm */
	bool done;       /* the attach call in hand has ended, with rc and words */
	int rc;
	char words[ATTACH_WORDS_SIZE];
};

/* A guest of that channel, followed by the domain 'libvirt' or the monitor 'qmp' (the other is NULL). */
void rig_open(struct rig *rig, const char *via, const char *libvirt, const char *qmp);
void rig_close(struct rig *rig);

/* The nodes, with their links and guards; and their end. */
void rig_make_nodes(struct rig *rig);
void rig_destroy_nodes(struct rig *rig);
/* All of them are held by somebody, or none is. From then on what is sent goes where it was found. */
void rig_expect_held(struct rig *rig, bool held);
void rig_send_key(struct rig *rig, enum shape_node which, unsigned code, int value);

void rig_await_state(struct rig *rig, enum run_state state);
void rig_turn_for(struct rig *rig, int ms);

/* attach_add or attach_remove. */
typedef int (*rig_call)(struct attach *attach, attach_fn done, const char **why);

void rig_begin(struct rig *rig, rig_call call);
/* Its result. */
int rig_await_end(struct rig *rig);
/* Both, with this result. */
void rig_expect(struct rig *rig, rig_call call, int rc);
