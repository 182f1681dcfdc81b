/*
 * Overlays of many layers on kernels before 6.8. They take the layers as one text, and fsconfig(2) takes
 * 255 bytes of text; mount(2) takes a page. But mount(2) mounts at once: so the overlay is mounted over its
 * own work directory, cloned from there as a mount that belongs to nobody, and taken away again.
 */
#include "walk.h"

#define PAGE 4096
#define DETACH 2 /* MNT_DETACH */

static bool starts_with(const char *text, const char *start)
{
	while (*start != '\0')
		if (*text++ != *start++)
			return false;
	return true;
}

bool needs_one_string(const struct step_mount *step)
{
	for (u64 i = 0; i < step->options.count; i++)
		if (starts_with(step->options.items[i], "lowerdir=") && text_length(step->options.items[i]) > 255)
			return text_equal(step->type, "overlay");
	return false;
}

/* The options as mount(2) wants them: commas between, and a backslash before each that is inside. */
static bool join_options(const struct texts *options, char text[PAGE])
{
	size_t length = 0;

	for (u64 i = 0; i < options->count; i++) {
		if (i > 0)
			text[length++] = ',';
		for (const char *at = options->items[i]; *at != '\0'; at++) {
			if (length + 4 > PAGE)
				return false;
			if (*at == ',')
				text[length++] = '\\';
			text[length++] = *at;
		}
	}
	text[length] = '\0';
	return true;
}

static const char *work_directory(const struct texts *options)
{
	for (u64 i = 0; i < options->count; i++)
		if (starts_with(options->items[i], "workdir="))
			return options->items[i] + 8;
	return NULL;
}

int create_overlay_by_string(struct walker *walker, const struct step_mount *step)
{
	char text[PAGE];
	const char *place = work_directory(&step->options);
	long mount, error;

	if (place == NULL || !join_options(&step->options, text))
		return failed(walker, "mount", step->target, -E2BIG);
	error = sys5(__NR_mount, "overlay", place, "overlay", 0, text);
	if (error < 0)
		return failed(walker, "mount", step->target, error);
	mount = sys3(__NR_open_tree, AT_FDCWD, place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	sys2(__NR_umount2, place, DETACH);
	return mount < 0 ? failed(walker, "open_tree", place, mount) : (int)mount;
}
