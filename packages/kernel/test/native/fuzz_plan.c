/*
 * Fuzzing of the plan decoder: walk.c and cursor.h as they are, with steps that do nothing but read every
 * byte they were given. Address and undefined-behaviour sanitizers say whether any of it is out of bounds.
 *
 *   fuzz_plan ITERATIONS SEED PLAN…    plans are files, made by packages/plan/src/encode.ts
 */
#include "walk.h"
#include "message.h"

#include <stdio.h>
#include <stdlib.h>

/* message.c is left out: a plan that is not walked has nobody to tell. */
int send_message(int channel, const struct message *message, int fd)
{
	(void)channel;
	(void)message;
	(void)fd;
	return 0;
}

static volatile u64 seen; /* so that no read is optimised away */

static void look_at(const u8 *data, u64 size)
{
	for (u64 i = 0; i < size; i++)
		seen += data[i];
}

static void look_at_text(const char *text)
{
	look_at((const u8 *)text, text_length(text) + 1);
}

static void look_at_texts(const struct texts *texts)
{
	for (u64 i = 0; i < texts->count; i++)
		look_at_text(texts->items[i]);
	if (texts->items[texts->count] != NULL)
		abort();
}

#define NOTHING(name)                                                                                                  \
	int do_##name(struct walker *walker)                                                                           \
	{                                                                                                              \
		(void)walker;                                                                                          \
		return 0;                                                                                              \
	}
#define STEP(name, ...)                                                                                                \
	int do_##name(struct walker *walker, const struct step_##name *step)                                           \
	{                                                                                                              \
		(void)walker;                                                                                          \
		(void)step;                                                                                            \
		__VA_ARGS__;                                                                                           \
		return 0;                                                                                              \
	}
#define TEXT(field) look_at_text(step->field)
#define BYTES(field) look_at(step->field.data, step->field.size)

NOTHING(fork)
NOTHING(new_session)
NOTHING(pivot_root)
NOTHING(set_no_new_privileges)
NOTHING(become_init)
STEP(write, TEXT(path), TEXT(text))
STEP(join_namespace, TEXT(path))
STEP(join_process, (void)0)
STEP(unshare, (void)0)
STEP(barrier, TEXT(name))
STEP(new_keyring, TEXT(name))
STEP(set_hostname, TEXT(name))
STEP(set_domainname, TEXT(name))
STEP(set_limit, (void)0)
STEP(set_umask, (void)0)
STEP(send_netlink, BYTES(messages))
STEP(mount, TEXT(type), TEXT(source), look_at_texts(&step->options), TEXT(target))
STEP(bind, TEXT(source), TEXT(target))
STEP(attach, TEXT(target))
STEP(set_mount, TEXT(target))
STEP(unmount, TEXT(target))
STEP(mask, TEXT(target))
STEP(make_read_only, TEXT(target))
STEP(enter_rootfs, TEXT(path))
STEP(make_directory, TEXT(path))
STEP(make_file, TEXT(path), BYTES(bytes))
STEP(extend_file, TEXT(path), BYTES(bytes))
STEP(make_symlink, TEXT(path), TEXT(text))
STEP(make_hardlink, TEXT(path), TEXT(existing))
STEP(make_node, TEXT(path))
STEP(set_xattr, TEXT(path), TEXT(name), BYTES(value))
STEP(set_time, TEXT(path))
STEP(remove, TEXT(path))
STEP(empty, TEXT(path))
STEP(set_sysctl, TEXT(name), TEXT(value))
STEP(open_terminal, (void)0)
STEP(limit_capabilities, (void)0)
STEP(set_user, look_at((const u8 *)step->groups.items, step->groups.count * sizeof(u64)))
STEP(set_capabilities, (void)0)
STEP(load_seccomp, BYTES(program))
STEP(change_directory, TEXT(path))
STEP(close_others, (void)0)
STEP(exec, look_at_texts(&step->argv), look_at_texts(&step->env))

static u64 state;

static u64 chance(u64 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return below == 0 ? 0 : state % below;
}

struct seed {
	u8 *bytes;
	size_t size;
};

static struct seed read_seed(const char *path)
{
	struct seed seed = {malloc(1 << 20), 0};
	FILE *file = fopen(path, "rb");

	if (file == NULL || seed.bytes == NULL)
		exit(2);
	seed.size = fread(seed.bytes, 1, 1 << 20, file);
	fclose(file);
	return seed;
}

/* Numbers that lengths and counts go wrong at. */
static u64 odd_number(u64 size)
{
	const u64 odd[] = {0, 1, 7, 8, 9, size, size - 1, size + 1, size / 8, ~0ULL, ~7ULL, 1ULL << 63, 1ULL << 61, ~0ULL / 8};

	return odd[chance(sizeof odd / sizeof *odd)];
}

static size_t mutate(u8 *plan, size_t size)
{
	for (u64 changes = chance(6); changes > 0 && size > 0; changes--) {
		u64 odd = odd_number(size);

		switch (chance(4)) {
		case 0:
			plan[chance(size)] ^= (u8)(1 << chance(8));
			break;
		case 1:
			plan[chance(size)] = (u8)chance(256);
			break;
		case 2: /* a whole word: a length, a count, a number of a step */
			if (size >= 8)
				copy(plan + chance(size / 8) * 8, &odd, 8);
			break;
		case 3:
			size = chance(size + 1);
			break;
		}
	}
	return size;
}

void close_parent(struct walker *walker)
{
	walker->parent.open = false;
}

int main(int count, char **arguments)
{
	u64 iterations = count > 3 ? strtoull(arguments[1], NULL, 10) : 0, walked = 0, refused = 0;
	int seeds = count - 3;
	struct seed *all = seeds > 0 ? calloc((size_t)seeds, sizeof *all) : NULL;

	if (all == NULL)
		return 2;
	state = strtoull(arguments[2], NULL, 10) | 1;
	for (int i = 0; i < seeds; i++)
		all[i] = read_seed(arguments[3 + i]);
	for (u64 i = 0; i < iterations; i++) {
		const struct seed *seed = &all[chance((u64)seeds)];
		u8 *plan = malloc(seed->size + 1); /* of its own, so that one byte too far is seen */
		struct walker walker = {.channel = NO_FD, .rootfs = NO_FD, .proc = NO_FD};
		size_t size;
		u8 *exact;

		copy(plan, seed->bytes, seed->size);
		size = mutate(plan, seed->size);
		exact = malloc(size);
		copy(exact, plan, size);
		free(plan);
		if (walk(&walker, exact, size) == 0)
			walked++;
		else if (walker.failure.error == 0 || walker.failure.call == NULL)
			return 3; /* refused without a word */
		else
			refused++;
		free(exact);
	}
	printf("%llu walked, %llu refused\n", (unsigned long long)walked, (unsigned long long)refused);
	for (int i = 0; i < seeds; i++)
		free(all[i].bytes);
	free(all);
	return 0;
}
