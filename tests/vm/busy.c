/* SPDX-License-Identifier: MIT */
/*
 * Keeps the processor of a VM with counted instructions busy, below everything else: see "icount" in
 * run. The nops make a second of it cheap, as the emulator makes no code of them.
 */
#include <sched.h>
#include <stdio.h>

int main(void)
{
	struct sched_param none = { 0 };

	if (sched_setscheduler(0, SCHED_IDLE, &none) < 0) {
		perror("busy: SCHED_IDLE");
		return 1;
	}
	for (;;)
		__asm__ volatile(".rept 30\n nop\n .endr");
}
