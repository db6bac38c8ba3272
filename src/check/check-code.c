/* SPDX-License-Identifier: MIT */
/*
 * The table. 0xx: the configuration; 1xx: its devices; 2xx: permissions; 3xx: other processes and
 * the service; 4xx: guests; 5xx: the machine. evswitch(1) lists the same codes.
 */
#include "check/check-code.h"

#include <sysexits.h>

#define BLOCKS(status) CHECK_BLOCKS, EX_##status
#define WARNS          CHECK_WARNS, EX_OK
#define INFO           CHECK_INFO, EX_OK

static const struct check_entry entries[CHECK_CODES] = {
	[CHECK_NO_CONF] = { "EVS001", BLOCKS(CONFIG), "There is no configuration",
			    "evswitch grabs only the devices that its configuration names." },
	[CHECK_CONF_ERROR] = { "EVS002", BLOCKS(CONFIG), "The configuration has an error",
			       "evswitch does not start with a configuration that it cannot use." },
	[CHECK_NO_GUEST] = { "EVS003", WARNS, "The configuration has no guest",
			     "Without a [guest NAME] there is nothing to switch to." },

	[CHECK_COMMENT] = { "EVS101", BLOCKS(UNAVAILABLE), "A comment is part of a value",
			    "In the configuration, # begins a comment at the start of a line "
			    "only." },
	[CHECK_QUOTES] = { "EVS102", BLOCKS(UNAVAILABLE), "Quotes are part of a value",
			   "Values are written without quotes." },
	[CHECK_NOT_EVENT] = { "EVS103", BLOCKS(UNAVAILABLE), "A path leads to an older interface",
			      "evswitch reads event nodes only; mouse* and js* nodes are for older "
			      "programs." },
	[CHECK_TYPO] = { "EVS104", BLOCKS(UNAVAILABLE), "A path is mistyped",
			 "evswitch waits for a device that never comes." },
	[CHECK_NOT_HERE] = { "EVS105", WARNS, "A device is not here",
			     "evswitch takes it when it is plugged in." },
	[CHECK_PART] = { "EVS106", BLOCKS(UNAVAILABLE), "A name is not the whole name",
			 "Names are compared as a whole, with their case." },
	[CHECK_NUMBER] = { "EVS107", WARNS, "A path has the number of an event node",
			   "After a reboot, or when something is plugged in, another device may "
			   "have it." },
	[CHECK_BY_HAND] = { "EVS108", WARNS, "A link was made by hand",
			    "It is gone, or leads elsewhere, after a reboot." },
	[CHECK_NO_SINGLE] = { "EVS109", BLOCKS(UNAVAILABLE), "Properties of different devices",
			      "A device is taken only if it has all properties of its section." },
	[CHECK_REFUSED] = { "EVS110", BLOCKS(UNAVAILABLE), "A device cannot be switched",
			    "Only keyboards and mice can." },
	[CHECK_NO_KEYBOARD] = { "EVS111", WARNS, "There is no keyboard among the devices",
				"Hotkeys are seen only on devices that evswitch has." },
	[CHECK_NOT_A_NODE] = { "EVS112", BLOCKS(UNAVAILABLE), "A path does not lead to a device",
			       "It leads to a file or a directory, which sends no events." },
	[CHECK_NO_NODES] = { "EVS113", BLOCKS(UNAVAILABLE), "There are no input devices",
			     "evswitch takes a device once udev has announced it." },

	[CHECK_NO_UINPUT] = { "EVS201", BLOCKS(UNAVAILABLE), "/dev/uinput cannot be used",
			      "evswitch makes its devices with it, the host's and the guests'." },
	[CHECK_NO_MODULE_FILE] = { "EVS202", WARNS, "Module uinput is not loaded at boot",
				   "After a reboot, evswitch may start before /dev/uinput can be "
				   "used." },
	[CHECK_NO_RULES] = { "EVS203", WARNS, "evswitch's udev rules are not installed",
			     "The desktop sees the guests' devices, they have no links for QEMU, "
			     "and /dev/uinput is root's after a reboot." },
	[CHECK_RULES_IDLE] = { "EVS204", BLOCKS(NOPERM), "The udev rules are not in force",
			       "/dev/uinput is still root's alone." },
	[CHECK_NOT_MEMBER] = { "EVS205", BLOCKS(NOPERM), "You are not in the devices' group",
			       "Only root and members of that group may use input devices." },
	[CHECK_OLD_LOGIN] = { "EVS206", BLOCKS(NOPERM), "This login is older than your membership",
			      "A process has the groups that its user had at login." },
	[CHECK_OLD_MANAGER] = { "EVS207", BLOCKS(NOPERM),
				"The user manager is older than your membership",
				"It outlives logins, and the service has the groups that the "
				"manager had at its start." },
	[CHECK_ROOT_ONLY] = { "EVS208", BLOCKS(NOPERM), "Only root may open a device",
			      "evswitch runs as you." },
	[CHECK_FORBIDDEN] = { "EVS209", BLOCKS(NOPERM),
			      "A device is forbidden in spite of its mode",
			      "Your groups suffice, so a container's device rules or a security "
			      "module refuse it." },

	[CHECK_QEMU_HOLDS] = { "EVS301", BLOCKS(UNAVAILABLE), "A QEMU has a real device",
			       "It has grabbed it, or grabs it when its own toggle is pressed." },
	[CHECK_GRABBER] = { "EVS302", WARNS, "Another program grabs devices",
			    "Only one program can grab a device: the other gets nothing." },
	[CHECK_OTHER_USER] = { "EVS303", BLOCKS(UNAVAILABLE), "Another user's evswitch is running",
			       "No evswitch runs beside that of root." },
	[CHECK_NO_UNIT] = { "EVS304", INFO, "The service is not installed",
			    "evswitch then runs only where you start it." },
	[CHECK_NOT_ENABLED] = { "EVS305", INFO, "The service is not enabled",
				"evswitch does not start at login." },
	[CHECK_FAILED] = { "EVS306", BLOCKS(UNAVAILABLE), "The service has failed",
			   "systemd does not start it again by itself." },
	[CHECK_NO_LINGER] = { "EVS307", INFO, "The service ends when you log out",
			      "The guests' devices go with it, and QEMU never reopens them." },
	[CHECK_RELOAD] = { "EVS308", WARNS, "systemd has an older version of the service",
			   "Changes of the unit take effect when systemd has read it." },

	[CHECK_NO_VIRSH] = { "EVS401", BLOCKS(UNAVAILABLE), "There is no virsh",
			     "evswitch follows domains by virsh, and attaches its devices by it." },
	[CHECK_NO_LIBVIRT] = { "EVS402", BLOCKS(UNAVAILABLE), "libvirt does not answer",
			       "Without it, evswitch does not know whether the VM runs." },
	[CHECK_LIBVIRT_DENIED] = { "EVS403", BLOCKS(NOPERM), "libvirt refuses you",
				   "evswitch runs as you, and asks libvirt without a password." },
	[CHECK_NO_DOMAIN] = { "EVS404", BLOCKS(UNAVAILABLE), "libvirt knows no such domain",
			      "\"libvirt =\" is the domain's name or UUID, not the guest's name." },
	[CHECK_NOT_IN_DOMAIN] = { "EVS405", BLOCKS(UNAVAILABLE),
				  "The domain lacks the guest's devices",
				  "They cannot be attached while it runs." },
	[CHECK_SOME_IN_DOMAIN] = { "EVS406", WARNS, "The domain has some of the guest's devices",
				   "Keys, media keys and the pointer come by a device each." },
	[CHECK_TOO_OLD] = { "EVS407", BLOCKS(UNAVAILABLE), "QEMU or libvirt is too old",
			    "The channel does not work with this version." },
	[CHECK_REAL_DEVICE] = { "EVS408", BLOCKS(UNAVAILABLE), "The domain takes a real device",
				"QEMU and evswitch cannot both grab it, and QEMU's own toggle "
				"would act on it." },
	[CHECK_TABLET] = { "EVS409", WARNS, "A tablet takes the clicks",
			   "QEMU gives motion to the mouse, and clicks to the tablet, at another "
			   "place." },
	[CHECK_PS2] = { "EVS410", WARNS, "The guest's only mouse is on PS/2",
			"It drops fast motion." },
	[CHECK_NOT_SHARED] = { "EVS411", BLOCKS(UNAVAILABLE), "The guest's memory is not shared",
			       "vhost-user writes events straight into the guest's memory." },
	[CHECK_NO_PORTS] = { "EVS412", WARNS, "The domain has no room for three devices",
			     "They cannot be attached while it runs." },
	[CHECK_SPICE] = { "EVS413", INFO, "The domain has a channel for SPICE's agent",
			  "With a viewer open, the agent moves the guest's pointer as well." },
	[CHECK_DIR_CLOSED] = { "EVS414", BLOCKS(NOPERM), "QEMU cannot reach the sockets",
			       "libvirt's system connection runs QEMU as a user of its own." },
	[CHECK_DIR_NOT_YOURS] = { "EVS415", BLOCKS(NOPERM),
				  "Others can change the directory of the sockets",
				  "They could replace a socket and read what you type; evswitch "
				  "refuses such a directory." },
	[CHECK_NO_MONITOR] = { "EVS416", INFO, "QEMU's monitor is not there",
			       "While the VM is off, this is in order." },
	[CHECK_QEMU_ROOT] = { "EVS417", INFO, "QEMU runs as root",
			      "evswitch does not need it, and a guest that breaks out is root." },
	[CHECK_CGROUP_ACL] = { "EVS418", INFO, "Every VM may open input devices",
			       "evswitch does not need it: libvirt permits the guest's devices." },
	[CHECK_CAPABILITIES] = { "EVS419", INFO, "QEMU keeps capabilities",
				 "evswitch does not need it." },
	[CHECK_APPARMOR_INPUT] = { "EVS420", INFO, "AppArmor lets every VM open input devices",
				   "evswitch does not need it: libvirt permits the guest's "
				   "devices." },
	[CHECK_QEMU_IN_INPUT] = { "EVS421", INFO, "QEMU's user may read all input devices",
				  "evswitch does not need it, and every guest that breaks out can "
				  "read what you type." },

	[CHECK_NO_CHANNEL] = { "EVS422", WARNS, "The domain has no channel for the clipboard",
			       "The guest's agent talks on a port that QEMU has to connect." },
	[CHECK_OTHER_CHANNEL] = { "EVS423", WARNS, "Another channel has the clipboard's port",
				  "The guest's agent talks on that port alone, and to one "
				  "program." },
	[CHECK_CHANNEL_ELSEWHERE] = { "EVS424", WARNS, "The clipboard's channel leads elsewhere",
				      "evswitch-clipboard listens on a socket of its own." },
	[CHECK_NO_CLIPBOARD] = { "EVS425", WARNS, "evswitch-clipboard is not running",
				 "evswitch passes on input, and another program the clipboard." },
	[CHECK_NOT_CONNECTED] = { "EVS426", WARNS, "The VM is not connected for the clipboard",
				  "QEMU connects to the clipboard's socket, and tries again each "
				  "second." },
	[CHECK_NO_AGENT] = { "EVS427", WARNS, "The guest has no agent for the clipboard",
			     "Only a program in the guest can read and set its clipboard." },
	[CHECK_OLD_AGENT] = { "EVS428", WARNS, "The guest's agent is too old",
			      "It sends each clipboard whole, or none, and not when asked." },

	[CHECK_APPARMOR] = { "EVS501", WARNS, "AppArmor may keep QEMU from the sockets",
			     "Its profile of QEMU allows only the files that libvirt knows of." },
	[CHECK_SELINUX] = { "EVS502", WARNS, "SELinux may keep QEMU from the sockets",
			    "Its policy allows QEMU to connect only where it knows the other "
			    "end." },
	[CHECK_HALT_POLL] = { "EVS503", INFO, "Halt polling is off",
			      "A guest that idles takes longer to wake up for a key." },
};

const struct check_entry *check_entry(enum check_code code)
{
	return &entries[code];
}

const char *check_severity_name(enum check_severity severity)
{
	static const char *const names[] = { "blocks", "warns", "info" };

	return names[severity];
}
