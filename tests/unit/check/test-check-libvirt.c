/* SPDX-License-Identifier: MIT */
/* evswitch --check: libvirt, by a virsh of the test, and what domains have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "check-machine.h"
#include "check/check-domain.h"

#define BY_ID "/dev/input/by-id/"
#define NODES                                                                                      \
	"<input type='passthrough' bus='virtio'><source evdev='" BY_ID                             \
	"evswitch-win-keyboard'/></input><input type='passthrough' bus='virtio'><source "          \
	"evdev='" BY_ID                                                                            \
	"evswitch-win-media'/></input><input type='passthrough' bus='virtio'><source "             \
	"evdev='" BY_ID "evswitch-win-pointer'/></input>"
#define SHARED "<memoryBacking><access mode='shared'/></memoryBacking>"
#define MOUSE  "<input type='mouse' bus='virtio'/><input type='mouse' bus='ps2'/>"

static const char *versions = "Using library: libvirt 9.0.0\nRunning hypervisor: QEMU 7.2.9";

/* A virsh that knows the domain win10, with this in it. $3 is its command. */
static void domain(const char *type, const char *contents)
{
	char script[4096];

	snprintf(script, sizeof(script),
		 "case $3 in list) echo win10; echo linux;; version) echo '%s';;\n"
		 "dumpxml) [ $5 = win10 ] || { echo 'error: failed to get domain'; exit 1; }\n"
		 "cat <<'EOT'\n<domain type='%s'>%s</domain>\nEOT\nesac",
		 versions, type, contents);
	machine_program(machine, "virsh", script);
}

/* The machine with a guest that has this channel. */
static void guest(const char *via, const char *name)
{
	machine_conf(machine,
		     "[device keyboard]\nname = Acme Board\n[guest win]\nvia = %s\nlibvirt = %s\n",
		     via, name);
}

static void check(const char *via, const char *contents)
{
	guest(via, "win10");
	domain("kvm", contents);
	machine_check(machine);
}

static int set_up(void **state)
{
	(void)state;
	machine = check_machine_new();
	guest("virtio-input", "win10");
	domain("kvm", NODES);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	check_machine_free(machine);
	return 0;
}

static void fine(void **state)
{
	bool found = false;

	(void)state;
	machine_check(machine);
	assert_int_equal(machine->report.n, 0);
	for (unsigned i = 0; i < machine->report.n_fine; i++)
		found |= strcmp(machine->report.fine[i].text, "domain win10 of [guest win]") == 0;
	assert_true(found);
}

static void no_virsh(void **state)
{
	(void)state;
	machine_remove(machine, "/bin/virsh");
	machine_check(machine);
	assert_found(machine, "EVS401", "virsh", "libvirt-clients");
}

static void no_daemon(void **state)
{
	(void)state;
	machine_program(machine, "virsh",
			"echo 'error: failed to connect to the hypervisor'; echo 'error: Failed to "
			"connect socket to /var/run/libvirt/libvirt-sock: No such file'; exit 1");
	machine_check(machine);
	assert_found(machine, "EVS402", "virsh: error: Failed to connect socket", "install");
	machine_file(machine, "/usr/lib/systemd/system/virtqemud.socket", "%s", "");
	machine_check(machine);
	assert_found(machine, "EVS402", "virsh", "sudo systemctl enable --now virtqemud.socket");
	machine_file(machine, "/lib/systemd/system/libvirtd.service", "%s", "");
	machine_check(machine);
	assert_found(machine, "EVS402", "virsh", "sudo systemctl enable --now libvirtd");
	assert_int_equal(check_status(&machine->report), EX_UNAVAILABLE);
	machine_program(
		machine, "virsh",
		"[ $3 = dumpxml ] || exit 0; echo 'error: client socket is closed'; exit 1");
	machine_check(machine);
	assert_found(machine, "EVS402", "[guest win]: virsh: error: client socket is closed", "");
	assert_not_found(machine, "EVS404");
}

static void denied(void **state)
{
	(void)state;
	machine_program(machine, "virsh",
			"echo 'error: authentication unavailable: no polkit agent' >&2; exit 1");
	machine_check(machine);
	assert_found(machine, "EVS403", "authentication unavailable",
		     "sudo usermod -aG libvirt $USER");
	assert_int_equal(check_status(&machine->report), EX_NOPERM);
}

static void no_domain(void **state)
{
	(void)state;
	guest("virtio-input", "win11");
	machine_check(machine);
	assert_found(machine, "EVS404", "there is no domain win11, but there is win10",
		     "libvirt = win10");
	guest("virtio-input", "solaris");
	machine_check(machine);
	assert_found(machine, "EVS404", "there is no domain solaris", "list --all");
}

static void not_in_domain(void **state)
{
	(void)state;
	check("vhost-user", SHARED);
	assert_found(machine, "EVS405", "none of its devices, and libvirt cannot",
		     "virsh edit win10, add what this prints: evswitch --xml win");
	check("input-linux", MOUSE);
	assert_found(machine, "EVS405", "this libvirt cannot attach", "evswitch --xml win");
	check("virtio-input", "");
	assert_not_found(machine, "EVS405");
	versions = "Using library: libvirt 10.4.0";
	check("input-linux", MOUSE);
	assert_not_found(machine, "EVS405");
	versions = "Using library: libvirt 9.0.0\nRunning hypervisor: QEMU 7.2.9";
}

static void some_in_domain(void **state)
{
	(void)state;
	check("virtio-input", "<input type='passthrough' bus='virtio'><source evdev='" BY_ID
			      "evswitch-win-pointer'/></input>");
	assert_found(machine, "EVS406", "has 1 of its 3 devices", "evswitch --xml win");
	check("vhost-user",
	      SHARED "<qemu:arg value='socket,id=a,path=/run/evswitch/win-keyboard.sock'/>"
		     "<qemu:arg value='socket,id=b,path=/run/evswitch/win-media.sock'/>"
		     "<qemu:arg value='socket,id=c,path=/run/evswitch/win-pointer.sock'/>");
	assert_not_found(machine, "EVS406");
	assert_not_found(machine, "EVS405");
}

static void too_old(void **state)
{
	(void)state;
	guest("vhost-user", "win10");
	domain("qemu", SHARED);
	machine_check(machine);
	assert_found(machine, "EVS407", "needs QEMU 8.0 or KVM, and this is QEMU 7.2", "via = ");
	check("vhost-user", SHARED);
	assert_not_found(machine, "EVS407");
	versions = "Using library: libvirt 7.3.0";
	check("input-linux", MOUSE);
	assert_found(machine, "EVS407", "needs libvirt 7.4, and this is 7.3", "via = ");
	versions = "Using library: libvirt 9.0.0\nRunning hypervisor: QEMU 7.2.9";
}

/* Another real device may be the VM's. */
static void real_device(void **state)
{
	(void)state;
	check("virtio-input", NODES "<input type='evdev'><source dev='" BY_ID
				    "usb-Acme_Mouse-event-mouse' grab='all'/></input>");
	assert_not_found(machine, "EVS408");
	check("virtio-input", NODES "<input type='evdev'><source dev='" BY_ID
				    "usb-Acme_Board-event-kbd' grab='all'/></input>");
	assert_found(machine, "EVS408", "usb-Acme_Board-event-kbd, which is [device keyboard]",
		     "virsh edit win10, and remove");
	check("virtio-input",
	      NODES "<qemu:arg value='input-linux,id=k,evdev=/dev/input/event3,grab_all=on'/>");
	assert_found(machine, "EVS408", "has /dev/input/event3, which", "remove");
	check("virtio-input",
	      NODES "<qemu:arg value='{&quot;qom-type&quot;:&quot;input-linux&quot;,"
		    "&quot;evdev&quot;:&quot;/dev/input/event3&quot;}'/>");
	assert_found(machine, "EVS408", "has /dev/input/event3, which", "remove");
}

static void pointers(void **state)
{
	(void)state;
	check("input-linux", "<input type='tablet' bus='usb'/><input type='mouse' bus='ps2'/>");
	assert_found(machine, "EVS409", "domain win10 has a tablet", "remove <input type='tablet'");
	assert_found(machine, "EVS410", "no mouse on virtio or USB", "<input type='mouse' bus=");
	check("input-linux", MOUSE);
	assert_not_found(machine, "EVS409");
	assert_not_found(machine, "EVS410");
	check("virtio-input", NODES "<input type='tablet' bus='usb'/>");
	assert_not_found(machine, "EVS409");
	assert_not_found(machine, "EVS410");
}

static void not_shared(void **state)
{
	(void)state;
	check("vhost-user", "");
	assert_found(machine, "EVS411", "does not share", "<access mode='shared'/>");
	check("vhost-user", "<cpu><numa><cell id='0' memAccess='shared'/></numa></cpu>");
	assert_not_found(machine, "EVS411");
}

#define PORT(n) "<controller type='pci' index='" #n "' model='pcie-root-port'/>"

static void no_ports(void **state)
{
	(void)state;
	check("virtio-input",
	      PORT(1) PORT(2)
		      PORT(3) "<address type='pci' domain='0x0000' bus='0x02' slot='0x00'/>");
	assert_found(machine, "EVS412", "2 of 3 PCIe root ports", "pcie-root-port");
	check("virtio-input", PORT(1) PORT(2) PORT(3));
	assert_not_found(machine, "EVS412");
}

static void spice(void **state)
{
	(void)state;
	check("virtio-input", NODES "<channel type='spicevmc'><target type='virtio'/></channel>");
	assert_found(machine, "EVS413", "spicevmc", "remove <channel");
	assert_int_equal(check_status(&machine->report), EX_OK);
}

static void scans_tags(void **state)
{
	struct check_xml xml = { .rest = "<?xml?><!-- <a b='c'> --><a one='1>2' two=\"&lt;&amp;'\">"
					 "text</a><b/><c" };
	char value[CHECK_XML_VALUE];

	(void)state;
	assert_true(check_xml_next(&xml)); /* the declaration */
	assert_true(check_xml_next(&xml));
	assert_string_equal(xml.name, "a");
	assert_true(check_xml_is(&xml, "one", "1>2") && !xml.closes && !xml.is_empty);
	assert_true(check_xml_attribute(&xml, "two", value));
	assert_string_equal(value, "<&'");
	assert_false(check_xml_attribute(&xml, "tw", value));
	assert_string_equal(value, "");
	assert_true(check_xml_next(&xml) && xml.closes);
	assert_true(check_xml_next(&xml) && xml.is_empty);
	assert_string_equal(xml.name, "b");
	assert_false(check_xml_next(&xml));
}

/* Whatever is cut off, nothing beyond it is read: to be run with sanitizers. */
static void cut_off(void **state)
{
	static const char whole[] =
		"<domain type='kvm'><!-- x --><input type=\"tablet\" bus='usb'/>"
		"<source evdev = '/dev/input/event3' dev='&amp;'/></domain>";
	static const char *const none[SHAPE_NODES] = { "", "", "" };

	(void)state;
	for (size_t size = 0; size < sizeof(whole); size++) {
		char *text = strndup(whole, size);
		struct check_domain read;

		check_domain_read(&read, text, none);
		free(text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fine),        TEST(no_virsh),      TEST(no_daemon),      TEST(denied),
		TEST(no_domain),   TEST(not_in_domain), TEST(some_in_domain), TEST(too_old),
		TEST(real_device), TEST(pointers),      TEST(not_shared),     TEST(no_ports),
		TEST(spice),       TEST(scans_tags),    TEST(cut_off),
	};

	return cmocka_run_group_tests_name("check-libvirt", tests, NULL, NULL);
}
