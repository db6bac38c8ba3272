/* SPDX-License-Identifier: MIT */
/* A program at a time, in a loop of its own. */
#include "check/check-command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "launch/child.h"

bool check_has_program(const struct check_system *system, const char *name)
{
	const char *dir = system->path;
	char file[PATH_MAX];

	for (;;) {
		size_t length = strcspn(dir, ":");

		snprintf(file, sizeof(file), "%.*s/%s", (int)length, dir, name);
		if (access(file, X_OK) == 0)
			return true;
		if (!dir[length])
			return false;
		dir += length + 1;
	}
}

struct command {
	struct child child;
	FILE *output;
	bool ended;
};

static void take_line(struct child *child, const char *line)
{
	struct command *command = container_of(child, struct command, child);

	if (ftell(command->output) < CHECK_FILE_MAX)
		fprintf(command->output, "%s\n", line);
}

static void take_end(struct child *child)
{
	container_of(child, struct command, child)->ended = true;
}

static const struct child_ops child_ops = { .line = take_line, .ended = take_end };

static int run(struct command *command, struct loop *loop, const char *const *argv, int input)
{
	uint64_t deadline = now_us() + CHECK_COMMAND_MS * 1000;
	int error = child_start(&command->child, loop, argv, input, &child_ops);

	while (!error && !command->ended && now_us() < deadline)
		error = loop_turn(loop, 100);
	if (!error && !command->ended)
		error = -ETIMEDOUT;
	child_stop(&command->child);
	return error ? error : command->child.status;
}

int check_command_with(const struct check_system *system, const char *const *argv, int input,
		       char **output)
{
	struct command command = { .child = CHILD_INIT };
	size_t size = 0;
	int status;

	*output = NULL;
	command.output = open_memstream(output, &size);
	if (!command.output)
		return -ENOMEM;
	status = system->loop ? run(&command, system->loop, argv, input) : -ENOTCONN;
	fclose(command.output);
	return status;
}

int check_command(const struct check_system *system, const char *const *argv, char **output)
{
	return check_command_with(system, argv, -1, output);
}

bool check_text_has_line(const char *text, const char *line)
{
	size_t size = strlen(line);

	for (; text && *text; text = strchrnul(text, '\n'), text += *text == '\n')
		if (strncmp(text, line, size) == 0 && (text[size] == '\n' || !text[size]))
			return true;
	return false;
}
