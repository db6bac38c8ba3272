/* SPDX-License-Identifier: MIT */
/* The consumer has duplicates of the descriptors, as if they had been passed to it. */
#include "evring-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

void evring_pair_open(struct evring_pair *pair)
{
	assert_int_equal(evring_create(&pair->producer), 0);
	assert_int_equal(evring_attach(&pair->consumer, dup(pair->producer.memory_fd),
				       dup(pair->producer.doorbell_fd)),
			 0);
}

void evring_pair_close(struct evring_pair *pair)
{
	evring_close(&pair->producer);
	evring_close(&pair->consumer);
}
