/* SPDX-License-Identifier: MIT */
/*
 * A domain's XML, as virsh prints it: the scanner of tags, what --setup reads of a domain, and what --check
 * does. They read nothing beyond the text, what they find points into it, and the name that is proposed for
 * a guest is one that the configuration accepts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "check/check-domain.h"
#include "fuzz.h"
#include "setup/setup-domain.h"

static void check_inputs(const struct setup_domain *domain, const char *xml, size_t size)
{
	FUZZ_CHECK(domain->n_inputs <= SETUP_INPUTS_MAX && domain->n_arguments <= SETUP_INPUTS_MAX,
		   "%u", domain->n_inputs);
	for (unsigned i = 0; i < domain->n_inputs; i++) {
		const struct setup_input *input = &domain->input[i];

		FUZZ_CHECK(input->xml >= xml && input->xml + input->size <= xml + size &&
				   memcmp(input->xml, "<input", 6) == 0 &&
				   input->xml[input->size - 1] == '>',
			   "%.*s", (int)input->size, input->xml);
		FUZZ_CHECK(strlen(input->path) < SETUP_PATH_MAX, "%s", input->path);
		setup_path_is_ours(input->path);
	}
}

static void check_name(const char *domain)
{
	char name[CONF_NAME_MAX + 1];

	setup_guest_name(domain, name);
	FUZZ_CHECK(name[0] && !name[strspn(name, CONF_NAME_CHARS)] && strcmp(name, "host") != 0 &&
			   strcmp(name, "next") != 0,
		   "'%s' of '%s'", name, domain);
	setup_domain_is_plain(domain);
}

void fuzz_one(struct fuzz *fuzz)
{
	static const char *const paths[SHAPE_NODES] = { "/run/g-keyboard.sock", "",
							"/dev/input/g" };
	size_t size = fuzz->left;
	/* A copy of exactly that size, beyond which a read is an error. */
	autofree char *xml = malloc(size + 1);
	struct setup_domain setup;
	struct check_domain check;
	struct check_xml tag = { .rest = xml };
	char value[CHECK_XML_VALUE];

	memcpy(xml, fuzz->at, size);
	xml[size] = '\0';
	size = strlen(xml);
	while (check_xml_next(&tag)) {
		FUZZ_CHECK(tag.attributes >= xml && tag.attributes + tag.size <= xml + size,
			   "attributes of %s", tag.name);
		if (check_xml_attribute(&tag, "a", value))
			FUZZ_CHECK(strlen(value) <= tag.size, "%s", value);
	}
	setup_domain_read(&setup, xml);
	check_inputs(&setup, xml, size);
	check_domain_read(&check, xml, paths);
	FUZZ_CHECK(check.n_free_ports <= check.n_ports && check.n_ports <= CHECK_PORTS_MAX &&
			   check.n_others <= CHECK_OTHERS_MAX && check.nodes < 1u << SHAPE_NODES,
		   "%u of %u ports", check.n_free_ports, check.n_ports);
	FUZZ_CHECK(strlen(check.agent.type) < sizeof(check.agent.type) &&
			   strlen(check.agent.path) < CHECK_DOMAIN_PATH,
		   "%s", check.agent.path);
	check_name(xml);
}
