/* SPDX-License-Identifier: ISC */
/*
 * config_try.h - loads configurations that a test has written down, and compares what is said
 *
 * Includes the code under test; base/err.c is left to the test, whose last line it has to be,
 * because it has a static variable with a common name.  Everything is written to a directory of its
 * own, which is also the working directory, so that the messages start with "c.json".
 */
#ifndef RETRYSAFE_CONFIG_TRY_H
#define RETRYSAFE_CONFIG_TRY_H

#define CONFIG_SYSTEM_FILE "system.json"
#include "../../src/config/where.c"

#include "../../src/config/text.c"
#include "../../src/config/value.c"

#include "../../src/config/table.c"

#include "../../src/config/find.c"
#include "../../src/config/load.c"

#include "../tap.h"

static char top_dir[4096], work_dir[] = "/tmp/retrysafe-config-XXXXXX";

static void write_bytes(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(name, "we");

	if (!f || fwrite(text, 1, len, f) != len || fclose(f) != 0) {
		printf("Bail out! cannot write %s\n", name);
		exit(1);
	}
}

static struct config *load(const char *text, bool is_control)
{
	struct config *cf = NULL;

	write_bytes("c.json", text, strlen(text));
	if (config_load("c.json", is_control, &cf) != OK)
		printf("# %s\n", err_text());
	return cf;
}

static void refused(const char *text, bool is_control, const char *message)
{
	struct config *cf = NULL;
	enum err e;

	write_bytes("c.json", text, strlen(text));
	e = config_load("c.json", is_control, &cf);
	is_str(e == ERR_INVALID ? err_text()
		: e == OK       ? "loaded"
				: "another error",
		message, "%s", *message ? message : "refused");
	config_free(&cf);
}

/* `"NAME": VALUE` in the given place is refused with PLACE.NAME: MESSAGE, on the second line. */
static void bad(const char *place, const char *setting, const char *message)
{
	char text[4096], want[1024], name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(setting + 1, "\""), setting + 1);
	if (strcmp(place, "top") == 0) {
		snprintf(text, sizeof(text), "{\n%s}", setting);
		snprintf(want, sizeof(want), "c.json:2: $.%s%s", name, message);
	} else if (strcmp(place, "defaults") == 0) {
		snprintf(text, sizeof(text), "{\"defaults\": {\n%s}}", setting);
		snprintf(want, sizeof(want), "c.json:2: $.defaults.%s%s", name, message);
	} else {
		snprintf(text, sizeof(text),
			"{\"routes\": [{\"match\": \"*\"}, {\"match\": \"*\",\n%s}]}", setting);
		snprintf(want, sizeof(want), "c.json:2: $.routes[1].%s%s", name, message);
	}
	refused(text, false, want);
}

static bool is_list(const strings list, const char *want)
{
	char got[512] = "";

	for (size_t i = 0; list && list[i]; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
			list[i]);
	return list && strcmp(got, want) == 0;
}

static void enter_work_dir(void)
{
	if (!getcwd(top_dir, sizeof(top_dir)) || !mkdtemp(work_dir) || chdir(work_dir) != 0) {
		printf("Bail out! no directory to work in\n");
		exit(1);
	}
}

static void leave_work_dir(void)
{
	static const char *const names[] = {"c.json", "big.json", "fifo", "settings", "system.json",
		"d/c.json", "d", "s/retrysafe.json", "s", "home/.config/retrysafe/config.json",
		"home/.config/retrysafe", "home/.config", "home", work_dir};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		remove(names[i]);
}

#endif
