/* SPDX-License-Identifier: MIT */
/* What is read from a domain: its system, its drivers, and the real devices that it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "setup/setup-domain.h"

#define INFO(id)                                                                                   \
	"<domain type='kvm'><metadata><libosinfo:libosinfo "                                       \
	"xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'><libosinfo:os id='" id    \
	"'/></libosinfo:libosinfo></metadata></domain>"
#define HYPERV "<domain><features><hyperv mode='custom'><relaxed state='on'/></hyperv></features>"
#define DISK   "<disk type='file'><target dev='sda' bus='sata'/></disk>"
#define VIRTIO "<disk type='file'><target dev='vda' bus='virtio'/></disk>"
#define BY_ID  "/dev/input/by-id/"
#define ELEMENT                                                                                    \
	"<input type='evdev'>\n  <source dev='" BY_ID "usb-Acme-event-kbd' grab='all'/>\n</input>"

static struct setup_domain domain;

static void assert_os(const char *xml, bool known, enum conf_os os)
{
	setup_domain_read(&domain, xml);
	assert_int_equal(domain.os_known, known);
	assert_int_equal(domain.os, os);
}

static void knows_the_system(void **state)
{
	(void)state;
	assert_os(INFO("http://microsoft.com/win/11"), true, CONF_OS_WINDOWS);
	assert_os(INFO("http://microsoft.com/winnt/4.0"), true, CONF_OS_WINDOWS);
	assert_os(INFO("http://debian.org/debian/12"), true, CONF_OS_LINUX);
	assert_os(INFO("http://libosinfo.org/linux/2022"), true, CONF_OS_LINUX);
	assert_os(INFO("http://freebsd.org/freebsd/14.0"), true, CONF_OS_OTHER);
	assert_os(INFO("http://apple.com/macosx/10.7"), true, CONF_OS_OTHER);
	assert_os(INFO("http://libosinfo.org/unknown"), false, CONF_OS_OTHER);
	assert_os("<domain/>", false, CONF_OS_OTHER);
}

static void knows_windows_by_hyperv(void **state)
{
	(void)state;
	assert_os(HYPERV "</domain>", true, CONF_OS_WINDOWS);
	assert_os("<domain><clock offset='localtime'><timer name='hypervclock' present='yes'/>"
		  "</clock></domain>",
		  true, CONF_OS_WINDOWS);
	/* What libosinfo says counts. */
	assert_os(INFO("http://debian.org/debian/12") HYPERV, true, CONF_OS_LINUX);
}

static void knows_drivers(void **state)
{
	(void)state;
	setup_domain_read(&domain, "<domain><devices>" DISK
				   "<interface type='network'><model type='e1000e'/></interface>"
				   "<video><model type='virtio'/></video>"
				   "<channel><target type='virtio' bus='virtio'/></channel>"
				   "</devices></domain>");
	assert_false(domain.has_virtio || domain.has_virtio_input);
	setup_domain_read(&domain, "<domain><devices>" DISK VIRTIO "</devices></domain>");
	assert_true(domain.has_virtio);
	setup_domain_read(&domain, "<interface type='network'><model type='virtio'/></interface>");
	assert_true(domain.has_virtio);
	assert_false(domain.has_virtio_input);
	setup_domain_read(&domain, "<input type='tablet' bus='virtio'/>");
	assert_true(domain.has_virtio_input);
}

static void finds_real_devices(void **state)
{
	(void)state;
	setup_domain_read(
		&domain, "<domain><devices><input type='mouse' bus='ps2'/>" ELEMENT
			 "<input type='passthrough' bus='virtio'><source evdev='" BY_ID
			 "evswitch-one-pointer'/><address type='pci' bus='0x01'/></input>"
			 "<hostdev><source dev='/dev/input/event9'/></hostdev></devices></domain>");
	assert_int_equal(domain.n_inputs, 2);
	assert_string_equal(domain.input[0].path, BY_ID "usb-Acme-event-kbd");
	assert_false(setup_path_is_ours(domain.input[0].path));
	assert_int_equal(domain.input[0].size, strlen(ELEMENT));
	assert_memory_equal(domain.input[0].xml, ELEMENT, strlen(ELEMENT));
	assert_true(setup_path_is_ours(domain.input[1].path));
	assert_true(domain.input[0].is_evdev);
	assert_false(domain.input[1].is_evdev);
}

static void finds_arguments(void **state)
{
	(void)state;
	setup_domain_read(
		&domain,
		"<domain><qemu:commandline><qemu:arg value='-object'/><qemu:arg "
		"value='input-linux,id=k,evdev=/dev/input/event3,grab_all=on'/><qemu:arg "
		"value='{&quot;evdev&quot;:&quot;/dev/input/event4&quot;}'/></qemu:commandline>"
		"</domain>");
	assert_int_equal(domain.n_arguments, 2);
	assert_string_equal(domain.argument[0], "/dev/input/event3");
	assert_string_equal(domain.argument[1], "/dev/input/event4");
}

static void has_limits(void **state)
{
	char xml[8192] = "<domain>";

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		strcat(xml, "<input><source dev='/dev/input/event3'/></input><qemu:arg "
			    "value='/dev/input/event5'/>");
	setup_domain_read(&domain, xml);
	assert_int_equal(domain.n_inputs, SETUP_INPUTS_MAX);
	assert_int_equal(domain.n_arguments, SETUP_INPUTS_MAX);
}

/* Whatever is cut off, nothing beyond it is read: to be run with sanitizers. */
static void cut_off(void **state)
{
	static const char whole[] = HYPERV ELEMENT VIRTIO "<qemu:arg value='/dev/input/event3'/>";

	(void)state;
	for (size_t size = 0; size < sizeof(whole); size++) {
		autofree char *text = strndup(whole, size);

		setup_domain_read(&domain, text);
	}
}

static void names_guests(void **state)
{
	static const struct {
		const char *domain, *guest;
		bool plain;
	} cases[] = {
		{ "win10", "win10", true },
		{ "win 10 (games)", "win-10--games-", false },
		{ "host", "vm-host", true },
		{ "next", "vm-next", true },
		{ "a:b@c+d", "a-b-c-d", true },
		{ "", "vm-", false },
		{ "-x", "-x", false },
		{ "0123456789012345678901234567890123456789", "01234567890123456789012345678901",
		  true },
	};
	char name[CONF_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup_guest_name(cases[i].domain, name);
		assert_string_equal(name, cases[i].guest);
		assert_int_equal(setup_domain_is_plain(cases[i].domain), cases[i].plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_system), cmocka_unit_test(knows_windows_by_hyperv),
		cmocka_unit_test(knows_drivers),    cmocka_unit_test(finds_real_devices),
		cmocka_unit_test(finds_arguments),  cmocka_unit_test(has_limits),
		cmocka_unit_test(cut_off),          cmocka_unit_test(names_guests),
	};

	return cmocka_run_group_tests_name("setup-domain", tests, NULL, NULL);
}
