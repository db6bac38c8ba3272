/* SPDX-License-Identifier: MIT */
/* Opens as many, and closes them again. */
#include "base/shortage.h"

#include <fcntl.h>

#include "base/util.h"

bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

int shortage_check(unsigned descriptors)
{
	int fds[16], rc = 0;
	unsigned n = 0;

	while (rc == 0 && n < descriptors && n < ARRAY_SIZE(fds)) {
		fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fds[n] >= 0)
			n++;
		else
			rc = -errno;
	}
	while (n)
		close_fd(&fds[--n]);
	return rc == -EMFILE || rc == -ENFILE ? rc : 0;
}
