/*
 * Reading a plan. Everything is bounds-checked once, here, and used in place: texts end in a NUL, and
 * lists of texts have a table of pointers in front of them that is filled in the plan itself.
 */
#ifndef CTR_CURSOR_H
#define CTR_CURSOR_H

#include "sys.h"

struct cursor {
	u8 *next;
	u8 *end;
};

struct texts {
	u64 count;
	char **items; /* ended by NULL */
};

struct numbers {
	u64 count;
	const u64 *items;
};

struct bytes {
	u64 size;
	const u8 *data;
};

static inline u64 room(const struct cursor *at)
{
	return (u64)(at->end - at->next);
}

static inline bool take_number(struct cursor *at, u64 *value)
{
	if (room(at) < sizeof(u64))
		return false;
	*value = *(const u64 *)(const void *)at->next;
	at->next += sizeof(u64);
	return true;
}

static inline bool take_signed(struct cursor *at, s64 *value)
{
	u64 bits;

	if (!take_number(at, &bits))
		return false;
	*value = (s64)bits;
	return true;
}

static inline bool take_bytes(struct cursor *at, struct bytes *value)
{
	u64 padded;

	if (!take_number(at, &value->size) || value->size >= room(at))
		return false;
	padded = (value->size + sizeof(u64)) & ~(u64)(sizeof(u64) - 1); /* the NUL, then up to a word */
	if (padded > room(at) || at->next[value->size] != '\0')
		return false;
	value->data = at->next;
	at->next += padded;
	return true;
}

static inline bool take_text(struct cursor *at, const char **value)
{
	struct bytes bytes;

	if (!take_bytes(at, &bytes))
		return false;
	*value = (const char *)bytes.data;
	return true;
}

static inline bool take_numbers(struct cursor *at, struct numbers *value)
{
	if (!take_number(at, &value->count) || value->count > room(at) / sizeof(u64))
		return false;
	value->items = (const u64 *)(const void *)at->next;
	at->next += value->count * sizeof(u64);
	return true;
}

static inline bool take_texts(struct cursor *at, struct texts *value)
{
	if (!take_number(at, &value->count) || value->count >= room(at) / sizeof(u64))
		return false;
	value->items = (char **)(void *)at->next;
	at->next += (value->count + 1) * sizeof(u64);
	for (u64 i = 0; i < value->count; i++) {
		const char *text;

		if (!take_text(at, &text))
			return false;
		value->items[i] = (char *)text;
	}
	value->items[value->count] = NULL;
	return true;
}

#endif
