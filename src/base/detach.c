/* SPDX-License-Identifier: MIT */
/* A session, signals and standard input of its own. */
#include "base/detach.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/util.h"

void detach(const char *name)
{
	static const int ignored[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP };
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_NAME, name);
	setsid();
	dup2(null, STDIN_FILENO);
}
