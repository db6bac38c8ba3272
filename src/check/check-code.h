/* SPDX-License-Identifier: MIT */
/*
 * What evswitch --check can find: one table of codes, each with its severity and the reason why it
 * matters. A code is for users, who search for it, and for programs: it is never used again for
 * anything else, so a row that goes leaves a gap. Pure.
 */
#pragma once

enum check_severity {
	CHECK_BLOCKS, /* input cannot be switched, or not to this guest */
	CHECK_WARNS,  /* it can, with a fault that the user will notice */
	CHECK_INFO,   /* could be better */
};

/* The rows of the table in check-code.c. */
enum check_code {
	CHECK_NO_CONF,           /* EVS001 */
	CHECK_CONF_ERROR,        /* EVS002 */
	CHECK_NO_GUEST,          /* EVS003 */
	CHECK_COMMENT,           /* EVS101 */
	CHECK_QUOTES,            /* EVS102 */
	CHECK_NOT_EVENT,         /* EVS103 */
	CHECK_TYPO,              /* EVS104 */
	CHECK_NOT_HERE,          /* EVS105 */
	CHECK_PART,              /* EVS106 */
	CHECK_NUMBER,            /* EVS107 */
	CHECK_BY_HAND,           /* EVS108 */
	CHECK_NO_SINGLE,         /* EVS109 */
	CHECK_REFUSED,           /* EVS110 */
	CHECK_NO_KEYBOARD,       /* EVS111 */
	CHECK_NOT_A_NODE,        /* EVS112 */
	CHECK_NO_NODES,          /* EVS113 */
	CHECK_NO_UINPUT,         /* EVS201 */
	CHECK_NO_MODULE_FILE,    /* EVS202 */
	CHECK_NO_RULES,          /* EVS203 */
	CHECK_RULES_IDLE,        /* EVS204 */
	CHECK_NOT_MEMBER,        /* EVS205 */
	CHECK_OLD_LOGIN,         /* EVS206 */
	CHECK_OLD_MANAGER,       /* EVS207 */
	CHECK_ROOT_ONLY,         /* EVS208 */
	CHECK_FORBIDDEN,         /* EVS209 */
	CHECK_QEMU_HOLDS,        /* EVS301 */
	CHECK_GRABBER,           /* EVS302 */
	CHECK_OTHER_USER,        /* EVS303 */
	CHECK_NO_UNIT,           /* EVS304 */
	CHECK_NOT_ENABLED,       /* EVS305 */
	CHECK_FAILED,            /* EVS306 */
	CHECK_NO_LINGER,         /* EVS307 */
	CHECK_RELOAD,            /* EVS308 */
	CHECK_NO_VIRSH,          /* EVS401 */
	CHECK_NO_LIBVIRT,        /* EVS402 */
	CHECK_LIBVIRT_DENIED,    /* EVS403 */
	CHECK_NO_DOMAIN,         /* EVS404 */
	CHECK_NOT_IN_DOMAIN,     /* EVS405 */
	CHECK_SOME_IN_DOMAIN,    /* EVS406 */
	CHECK_TOO_OLD,           /* EVS407 */
	CHECK_REAL_DEVICE,       /* EVS408 */
	CHECK_TABLET,            /* EVS409 */
	CHECK_PS2,               /* EVS410 */
	CHECK_NOT_SHARED,        /* EVS411 */
	CHECK_NO_PORTS,          /* EVS412 */
	CHECK_SPICE,             /* EVS413 */
	CHECK_DIR_CLOSED,        /* EVS414 */
	CHECK_DIR_NOT_YOURS,     /* EVS415 */
	CHECK_NO_MONITOR,        /* EVS416 */
	CHECK_QEMU_ROOT,         /* EVS417 */
	CHECK_CGROUP_ACL,        /* EVS418 */
	CHECK_CAPABILITIES,      /* EVS419 */
	CHECK_APPARMOR_INPUT,    /* EVS420 */
	CHECK_QEMU_IN_INPUT,     /* EVS421 */
	CHECK_NO_CHANNEL,        /* EVS422 */
	CHECK_OTHER_CHANNEL,     /* EVS423 */
	CHECK_CHANNEL_ELSEWHERE, /* EVS424 */
	CHECK_NO_CLIPBOARD,      /* EVS425 */
	CHECK_NOT_CONNECTED,     /* EVS426 */
	CHECK_NO_AGENT,          /* EVS427 */
	CHECK_OLD_AGENT,         /* EVS428 */
	CHECK_APPARMOR,          /* EVS501 */
	CHECK_SELINUX,           /* EVS502 */
	CHECK_HALT_POLL,         /* EVS503 */
	CHECK_CODES              /* their number */
};

struct check_entry {
	const char *code; /* "EVS001" */
	enum check_severity severity;
	int status;        /* the exit status if it blocks, see sysexits.h; else 0 */
	const char *title; /* without full stop */
	const char *why;   /* a sentence */
};

const struct check_entry *check_entry(enum check_code code);

/* "blocks", "warns" or "info". */
const char *check_severity_name(enum check_severity severity);
