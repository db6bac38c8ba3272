/* SPDX-License-Identifier: MIT */
/* Attaching by virsh: its exit status says whether it succeeded, its lines only why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/channel.h"
#include "launch/launch.h"
#include "qemu/attach.h"
#include "now.h"
#include "base/util.h"

#define WAIT_MS 20000

static struct scene {
	char dir[32], virsh[48];
	struct launcher launcher;
	struct loop loop;
	struct conf_guest guest;
	struct vm vm;
	struct attach attach;
	bool done;
	int rc;
	char words[ATTACH_WORDS_SIZE];
} scene;

static int set_up(void **state)
{
	(void)state;
	scene = (struct scene){ .dir = "/tmp/evswitch-virsh-XXXXXX", .launcher = LAUNCHER_INIT };
	scene.guest = (struct conf_guest){ .name = "win10",
					   .via = &channel_find("virtio-input")->conf,
					   .libvirt = (char *)"win10" };
	scene.vm = (struct vm){ .guest = &scene.guest, .state = RUN_STATE_RUNNING };
	assert_non_null(mkdtemp(scene.dir));
	snprintf(scene.virsh, sizeof(scene.virsh), "%s/virsh", scene.dir);
	assert_int_equal(loop_init(&scene.loop), 0);
	assert_int_equal(attach_init(&scene.attach, &scene.loop, &scene.vm,
				     &channel_find("virtio-input")->qemu, scene.dir),
			 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	attach_fini(&scene.attach);
	launcher_stop(&scene.launcher);
	loop_fini(&scene.loop);
	unlink(scene.virsh);
	return rmdir(scene.dir);
}

/* A virsh that does this for each command: $3 is its name. */
static void virsh_does(const char *script)
{
	autofree char *path = strdup(getenv("PATH"));
	FILE *file = fopen(scene.virsh, "we");
	char with[4096];

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fchmod(fileno(file), 0700), 0);
	fclose(file);
	snprintf(with, sizeof(with), "%s:%s", scene.dir, path);
	setenv("PATH", with, 1);
	assert_int_equal(launcher_start(&scene.launcher, NULL), 0);
	setenv("PATH", path, 1);
	scene.loop.launcher = &scene.launcher;
}

static void ended(struct attach *attach, int rc, const char *words)
{
	(void)attach;
	scene.done = true;
	scene.rc = rc;
	snprintf(scene.words, sizeof(scene.words), "%s", words ?: "");
}

static void await(int (*begin)(struct attach *attach, attach_fn done, const char **why))
{
	long deadline = now_ms() + WAIT_MS;
	const char *why = NULL;

	assert_int_equal(begin(&scene.attach, ended, &why), 0);
	while (!scene.done && now_ms() < deadline)
		assert_int_equal(loop_turn(&scene.loop, 100), 0);
	assert_true(scene.done);
}

/* Whatever a later libvirt says of it. */
static void succeeds_without_a_word(void **state)
{
	(void)state;
	virsh_does("exit 0");
	await(attach_add);
	assert_int_equal(scene.rc, 0);
}

static void fails_in_spite_of_its_words(void **state)
{
	(void)state;
	virsh_does("[ $3 = detach-device ] && exit 0; echo Device attached successfully; exit 1");
	await(attach_add);
	assert_int_equal(scene.rc, -EIO);
	assert_non_null(strstr(scene.words, "libvirt: virsh exited"));
}

static void says_what_to_do(void **state)
{
	(void)state;
	virsh_does("echo 'error: internal error: No more available PCI slots' >&2; exit 1");
	await(attach_add);
	assert_int_equal(scene.rc, -EIO);
	assert_non_null(strstr(scene.words, "the domain has no free PCIe port"));
}

static void what_is_not_there_is_removed(void **state)
{
	(void)state;
	virsh_does("[ $3 = dumpxml ] && exit 0; echo 'error: device not found'; exit 1");
	await(attach_remove);
	assert_int_equal(scene.rc, 0);
}

/* An answer that broke off looks like one without the devices. */
static void is_not_sure_that_they_are_gone(void **state)
{
	(void)state;
	virsh_does("[ $3 = dumpxml ] || exit 0; echo '<domain>'; echo '</domain>'; exit 1");
	await(attach_remove);
	assert_int_equal(scene.rc, -EIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(succeeds_without_a_word),
		TEST(fails_in_spite_of_its_words),
		TEST(says_what_to_do),
		TEST(what_is_not_there_is_removed),
		TEST(is_not_sure_that_they_are_gone),
	};

	return cmocka_run_group_tests_name("attach-virsh", tests, NULL, NULL);
}
