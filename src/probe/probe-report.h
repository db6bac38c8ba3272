/* SPDX-License-Identifier: MIT */
/*
 * Prints the result of --probe as an explanation, as sections for the configuration file, and as
 * JSON. Does not modify the nodes and owns nothing. Text from devices is passed through log_str.
 */
#pragma once

#include <stdio.h>

#include "probe/probe-node.h"

/* Prints one line when a node is recognised. */
void probe_report_recognised(FILE *out, const struct probe_node *node);

/* Describes each recognised node, how it is matched, and its siblings. */
void probe_report_explain(FILE *out, const struct probe_list *list, const struct probe_plan *plan);

/* Prints a valid configuration: the sections, with those for siblings commented out. */
void probe_report_sections(FILE *out, const struct probe_plan *plan);

/* One of them, with the empty line that follows it. */
void probe_report_section(FILE *out, const struct probe_section *section);

/* Prints a JSON document and a newline; an empty list if nothing was recognised. 0 or -ENOMEM. */
int probe_report_json(FILE *out, const struct probe_list *list, const struct probe_plan *plan);
