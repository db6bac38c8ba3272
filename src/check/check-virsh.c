/* SPDX-License-Identifier: MIT */
/* Runs virsh, and tells its complaints apart. */
#include "check/check-virsh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "check/check-command.h"
#include "qemu/vm.h"

#define WORDS_MAX 8

char *check_virsh_with(const struct check_system *system, const char *const *words, int input,
		       char **error)
{
	const char *argv[VM_VIRSH_WORDS + WORDS_MAX + 1] = { NULL };
	unsigned n = vm_virsh(argv);
	char *output;

	while (*words && n < VM_VIRSH_WORDS + WORDS_MAX)
		argv[n++] = *words++;
	if (check_command_with(system, argv, input, &output) == 0)
		return output;
	if (error)
		*error = output;
	else
		free(output);
	return NULL;
}

char *check_virsh(const struct check_system *system, const char *const *words, char **error)
{
	return check_virsh_with(system, words, -1, error);
}

static bool is_refused(const char *error)
{
	return strcasestr(error, "permission denied") || strcasestr(error, "authenticat") ||
	       strcasestr(error, "access denied");
}

/* Newer installations have a daemon for each hypervisor. */
const char *check_virsh_remedy(const struct check_system *system)
{
	static const char *const modular[] = { "/usr/lib/systemd/system/virtqemud.socket",
					       "/lib/systemd/system/virtqemud.socket" };
	static const char *const whole[] = { "/usr/lib/systemd/system/libvirtd.service",
					     "/lib/systemd/system/libvirtd.service" };

	if (check_exists(system, whole[0]) || check_exists(system, whole[1]))
		return "sudo systemctl enable --now libvirtd";
	if (check_exists(system, modular[0]) || check_exists(system, modular[1]))
		return "sudo systemctl enable --now virtqemud.socket";
	return "install libvirt's daemon (Debian: libvirt-daemon-system)";
}

struct check_text check_virsh_said(const char *error)
{
	size_t size = strlen(error);

	while (size && error[size - 1] == '\n')
		size--;
	for (size_t i = size; i-- > 0;)
		if (error[i] == '\n')
			return check_text("%.*s", (int)(size - i - 1), error + i + 1);
	return check_text("%.*s", (int)size, error);
}

bool check_virsh_answers(const struct check_system *system, struct check_report *report)
{
	static const char *const words[] = { "list", "--all", "--name", NULL };
	autofree char *error = NULL, *names = NULL;
	struct log_str said;

	if (!check_has_program(system, "virsh")) {
		check_find(report, CHECK_NO_VIRSH,
			   "install it (Debian, Ubuntu: sudo apt install libvirt-clients)",
			   "no program virsh in PATH");
		return false;
	}
	names = check_virsh(system, words, &error);
	if (names)
		return true;
	said = log_str(check_virsh_said(error ?: "").text);
	if (is_refused(error ?: ""))
		check_find(report, CHECK_LIBVIRT_DENIED,
			   "sudo usermod -aG libvirt $USER, then log out and in again", "virsh: %s",
			   said.text);
	else
		check_find(report, CHECK_NO_LIBVIRT, check_virsh_remedy(system), "virsh: %s",
			   said.text);
	return false;
}

/* "LABEL: NAME 9.0.0" in virsh's output. */
static unsigned version_after(const char *output, const char *label)
{
	const char *at = strstr(output, label);
	unsigned major = 0, minor = 0;

	if (!at || sscanf(at + strlen(label), "%u.%u", &major, &minor) != 2)
		return 0;
	return CHECK_VERSION(major, minor);
}

void check_virsh_versions(const struct check_system *system, unsigned *libvirt, unsigned *qemu)
{
	static const char *const words[] = { "version", NULL };
	autofree char *output = check_virsh(system, words, NULL);

	*libvirt = output ? version_after(output, "Using library: libvirt ") : 0;
	*qemu = output ? version_after(output, "Running hypervisor: QEMU ") : 0;
}
