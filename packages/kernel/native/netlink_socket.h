/* The few things about netlink(7) that both a plan and the addon need. */
#ifndef CTR_NETLINK_SOCKET_H
#define CTR_NETLINK_SOCKET_H

#include "sys.h"

#include <linux/netlink.h>

static inline int open_netlink(int protocol)
{
	const int family = 16 /* AF_NETLINK */, raw = 3 /* SOCK_RAW */, on = 1;
	long fd = sys3(__NR_socket, family, raw | O_CLOEXEC, protocol);

	if (fd >= 0) /* errors explain themselves, and do not carry our request back */
		sys5(__NR_setsockopt, fd, 270 /* SOL_NETLINK */, NETLINK_EXT_ACK, &on, sizeof on);
	if (fd >= 0)
		sys5(__NR_setsockopt, fd, 270 /* SOL_NETLINK */, NETLINK_CAP_ACK, &on, sizeof on);
	return (int)fd;
}

static inline const struct nlmsghdr *message_at(const u8 *data, size_t size, size_t at)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)(data + at);

	if (at >= size || size - at < sizeof *header || header->nlmsg_len < sizeof *header ||
	    header->nlmsg_len > size - at)
		return NULL;
	return header;
}

/* How many answers that end a request will come: one for each message with NLM_F_ACK, and one for a dump. */
static inline u64 count_acknowledged(const u8 *data, size_t size)
{
	const struct nlmsghdr *header;
	u64 count = 0;

	for (size_t at = 0; (header = message_at(data, size, at)) != NULL; at += NLMSG_ALIGN(header->nlmsg_len))
		if (header->nlmsg_flags & NLM_F_ACK || (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
			count++;
	return count;
}

/* Counts the endings in an answer off `expected`. 0, or minus the first errno in it. */
static inline long first_error(const u8 *data, size_t size, u64 *expected)
{
	const struct nlmsghdr *header;

	for (size_t at = 0; (header = message_at(data, size, at)) != NULL; at += NLMSG_ALIGN(header->nlmsg_len)) {
		if (header->nlmsg_type != NLMSG_ERROR && header->nlmsg_type != NLMSG_DONE)
			continue;
		if (*expected > 0)
			(*expected)--;
		if (header->nlmsg_type == NLMSG_ERROR && header->nlmsg_len >= NLMSG_HDRLEN + sizeof(s32)) {
			s32 error = *(const s32 *)(const void *)(data + at + NLMSG_HDRLEN);

			if (error != 0)
				return error;
		}
	}
	return 0;
}

#endif
