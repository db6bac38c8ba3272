/*
 * The result of --probe, as words for a person, as sections for the configuration file, and as
 * JSON. Reads the nodes only. Whatever a device says of itself goes through log_str.
 */
#pragma once

#include <stdio.h>

#include "probe/probe-node.h"

/* One line for a node at the moment it is recognised. */
void probe_report_recognised(FILE *out, const struct probe_node *node);

/* For each recognised node what it is, how it is found, and the other nodes of its device. */
void probe_report_explain(FILE *out, const struct probe_list *list, const struct probe_plan *plan);

/* The sections, those of siblings as comments: what it writes is a valid configuration. */
void probe_report_sections(FILE *out, const struct probe_plan *plan);

/* One JSON document and a newline; an empty list where nothing was recognised. 0 or -ENOMEM. */
int probe_report_json(FILE *out, const struct probe_list *list, const struct probe_plan *plan);
