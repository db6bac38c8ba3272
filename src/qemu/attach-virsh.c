/* SPDX-License-Identifier: MIT */
/* Steps through virsh: libvirt gives QEMU access to the node, and finds a PCI port for it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "qemu/attach-steps.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#define ERROR         "error: "
#define LOOK_AGAIN_MS 1000
/* By then, libvirt has waited 5 s for each device. */
#define LOOKS_MAX 5

/* Error messages of libvirt, and the remedies. */
static const struct refusal {
	const char *text, *words;
} refusals[] = {
	{ "No more available PCI slots",
	  "the domain has no free PCIe port: add <controller type='pci' "
	  "model='pcie-root-port'/> three times to its <devices>, and restart it" },
};

static void fail(struct attach *attach)
{
	char words[ATTACH_WORDS_SIZE];
	const char *remedy = "";

	if (attach->channel->no_hot_plug && strstr(attach->error, "cannot be hot plugged"))
		remedy = attach->channel->no_hot_plug;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (strstr(attach->error, refusals[i].text))
			remedy = refusals[i].words;
	text_print(words, sizeof(words), "%s%slibvirt: %s", remedy, remedy[0] ? "; " : "",
		   attach->error[0] ? log_str(attach->error).text : "virsh exited");
	attach_step_failed(attach, -EIO, words);
}

static void take_error(struct attach *attach, const char *line)
{
	if (strncmp(line, ERROR, strlen(ERROR)) == 0)
		snprintf(attach->error, sizeof(attach->error), "%s", line + strlen(ERROR));
}

static int start(struct attach *attach, const char *const *words, int input,
		 const struct child_ops *ops)
{
	const char *argv[VM_VIRSH_WORDS + 8] = { NULL };
	unsigned n = vm_virsh(argv);

	while (*words)
		argv[n++] = *words++;
	attach->error[0] = '\0';
	attach->present = 0;
	return child_start(&attach->virsh, attach->loop, argv, input, ops);
}

/* --- one element --------------------------------------------------------------------------- */

static void change_line(struct child *child, const char *line)
{
	take_error(container_of(child, struct attach, virsh), line);
}

static void change_ended(struct child *child)
{
	struct attach *attach = container_of(child, struct attach, virsh);
	const struct attach_step *step = &attach->plan[attach->step];
	bool detaches = step->op == ATTACH_VIRSH_DETACH;
	bool absent = detaches && (strstr(attach->error, "not found") ||
				   strstr(attach->error, "domain is not running"));

	if (child->status == 0 || absent) {
		attach_step_done(attach);
		return;
	}
	if (!detaches)
		attach->added &= ~(1u << step->node);
	fail(attach);
}

static const struct child_ops change_ops = { .line = change_line, .ended = change_ended };

/* The XML element in a memory file that virsh can open. -1 with errno. */
static int element_file(const struct attach *attach, enum shape_node node)
{
	autoclose int fd = memfd_create("evswitch", MFD_CLOEXEC);
	FILE *out = fd < 0 ? NULL : fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 0), "w");

	if (!out)
		return -1;
	guest_xml_element(out, attach->guest, attach->channel, node);
	if (fclose(out) == EOF || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return steal_fd(&fd);
}

static int change(struct attach *attach, const char *what, enum shape_node node)
{
	int rc;
	const char *const words[] = { what,     "--domain",   attach->guest->libvirt,
				      "--file", "/dev/stdin", "--live",
				      NULL };
	autoclose int input = element_file(attach, node);

	rc = input < 0 ? -errno : start(attach, words, input, &change_ops);
	if (rc == 0 && attach->doing == ATTACH_ADDS)
		attach->added |= 1u << node;
	return rc;
}

/* --- whether they are gone ----------------------------------------------------------------- */

/* A detached device stays until the guest has released it, although virsh has reported success. */
static void look_line(struct child *child, const char *line)
{
	struct attach *attach = container_of(child, struct attach, virsh);

	take_error(attach, line);
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		char quoted[GUEST_PATH_SIZE + 2], path[GUEST_PATH_SIZE];

		guest_path(attach->guest, attach->channel, node, attach->socket_dir, path);
		snprintf(quoted, sizeof(quoted), "'%s'", path);
		if (strstr(line, quoted))
			attach->present |= 1u << node;
	}
}

static void look_ended(struct child *child)
{
	struct attach *attach = container_of(child, struct attach, virsh);

	if (child->status != 0) {
		fail(attach);
		return;
	}
	attach->gone = ~attach->present & ((1u << SHAPE_NODES) - 1);
	if (!attach->present || attach->doing == ATTACH_UNDOES)
		attach_step_done(attach);
	else if (++attach->looked < LOOKS_MAX)
		attach_step_again(attach, LOOK_AGAIN_MS);
	else
		attach_step_failed(attach, -ETIMEDOUT, "the guest does not release the devices");
}

static const struct child_ops look_ops = { .line = look_line, .ended = look_ended };

static int look(struct attach *attach)
{
	const char *const words[] = { "dumpxml", "--domain", attach->guest->libvirt, NULL };

	return start(attach, words, -1, &look_ops);
}

int attach_virsh_start(struct attach *attach, const struct attach_step *step)
{
	switch ((enum attach_op)step->op) {
	case ATTACH_VIRSH_ATTACH:
		return change(attach, "attach-device", step->node);
	case ATTACH_VIRSH_DETACH:
		return change(attach, "detach-device", step->node);
	case ATTACH_VIRSH_GONE:
		return look(attach);
	default:
		return -EINVAL;
	}
}
