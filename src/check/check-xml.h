/* SPDX-License-Identifier: MIT */
/*
 * Goes through the tags of an XML document that libvirt wrote: well-formed, without DOCTYPE. Text
 * between tags is skipped; so is what is in comments. Not a parser: for documents from elsewhere it
 * finds fewer tags, but reads nothing beyond their end. Pure; owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CHECK_XML_NAME  64
#define CHECK_XML_VALUE 512

struct check_xml {
	const char *rest; /* what follows; the document at first */
	char name[CHECK_XML_NAME];
	bool closes;   /* </name> */
	bool is_empty; /* <name/>, which no </name> follows */
	const char *attributes;
	size_t size; /* of the attributes */
};

/* The next tag; false at the end. */
bool check_xml_next(struct check_xml *xml);

/* The attribute's value, with its entities decoded; false, and "", if the tag has none. */
bool check_xml_attribute(const struct check_xml *xml, const char *name,
			 char value[static CHECK_XML_VALUE]);

/* True if the tag has the attribute with this value. */
bool check_xml_is(const struct check_xml *xml, const char *name, const char *value);
