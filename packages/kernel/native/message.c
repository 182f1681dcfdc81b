#include "message.h"

#include <linux/socket.h>

struct vector {
	void *base;
	size_t size;
};

/* struct msghdr and struct cmsghdr as the kernel reads them (linux/socket.h, not exported). */
struct packet {
	void *name;
	s32 name_size;
	struct vector *vectors;
	size_t vector_count;
	void *control;
	size_t control_size;
	u32 flags;
};

struct control {
	size_t size;
	s32 level;
	s32 type;
	s32 fd;
};

#define SOCKET_LEVEL 1 /* SOL_SOCKET */
#define RIGHTS 1       /* SCM_RIGHTS */
#define NO_SIGNAL 0x4000
#define CLOSE_ON_EXEC 0x40000000

int send_message(int channel, const struct message *message, int fd)
{
	struct vector vector = {(void *)(uintptr_t)message, sizeof *message};
	struct control control = {offsetof(struct control, fd) + sizeof(s32), SOCKET_LEVEL, RIGHTS, fd};
	struct packet packet = {.vectors = &vector, .vector_count = 1};
	long sent;

	if (fd >= 0) {
		packet.control = &control;
		packet.control_size = sizeof control;
	}
	do
		sent = sys3(__NR_sendmsg, channel, &packet, NO_SIGNAL);
	while (sent == -EINTR);
	return sent < 0 ? (int)sent : 0;
}

int receive_message(int channel, struct message *message, int *fd, int flags)
{
	struct vector vector = {message, sizeof *message};
	struct control control = {.fd = -1};
	struct packet packet = {
		.vectors = &vector,
		.vector_count = 1,
		.control = &control,
		.control_size = sizeof control,
	};
	long size;

	do
		size = sys3(__NR_recvmsg, channel, &packet, flags | CLOSE_ON_EXEC);
	while (size == -EINTR);
	*fd = -1;
	if (size < 0)
		return (int)size;
	if (packet.control_size > 0 && control.level == SOCKET_LEVEL && control.type == RIGHTS)
		*fd = control.fd;
	if (size == 0)
		return 0;
	if ((size_t)size != sizeof *message)
		return -EBADMSG;
	message->call[sizeof message->call - 1] = '\0';
	message->text[sizeof message->text - 1] = '\0';
	message->detail[sizeof message->detail - 1] = '\0';
	return 1;
}
