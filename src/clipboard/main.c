/* SPDX-License-Identifier: MIT */
/* evswitch-clipboard: one clipboard for the host's desktop and a guest. */
#include <sysexits.h>

int main(void)
{
	return EX_UNAVAILABLE;
}
