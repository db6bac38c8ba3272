/* SPDX-License-Identifier: MIT */
/* Embeds the interface definition, which is also installed as a file. */
#include "control/interface.h"

/* The assembler reads the file; its path is relative to the top of the source tree. */
__asm__(".pushsection .rodata\n"
	".globl control_interface\n"
	".type control_interface, %object\n"
	"control_interface:\n"
	".incbin \"src/control/io.evswitch.varlink\"\n"
	".byte 0\n"
	".popsection\n");
