/* Clients of a monitor. Whoever can open the socket's path may attach: its directory is for the owner alone. */
#include "monitor.h"
#include "message.h"

#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/poll.h>

#define NON_BLOCKING O_NONBLOCK
#define DO_NOT_WAIT 0x40 /* MSG_DONTWAIT */

static void drop(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
	*fd = -1;
}

static void forget(struct clients *clients, u64 index)
{
	struct client *client = &clients->all[index];

	drop(&client->socket);
	drop(&client->input);
	drop(&client->output);
	drop(&client->errors);
	clients->all[index] = clients->all[--clients->count];
}

static void accept_all(struct clients *clients)
{
	while (clients->count < CLIENTS) {
		int fd = (int)sys4(__NR_accept4, clients->listener, NULL, NULL, O_CLOEXEC | NON_BLOCKING);

		if (fd < 0)
			return;
		clients->all[clients->count++] = (struct client){fd, -1, -1, -1};
	}
}

static void replace(int *place, int fd)
{
	drop(place);
	*place = fd;
}

/* False when the client has gone. */
static bool listen_to(struct client *client, int terminal)
{
	struct message message;
	int fd, state;

	while ((state = receive_message(client->socket, &message, &fd, DO_NOT_WAIT)) == 1) {
		struct winsize size = {(u16)message.step, (u16)message.number, 0, 0};

		if (message.kind == ATTACH_INPUT)
			replace(&client->input, fd);
		else if (message.kind == ATTACH_OUTPUT)
			replace(&client->output, fd);
		else if (message.kind == ATTACH_ERRORS)
			replace(&client->errors, fd);
		else
			drop(&fd);
		if (message.kind == ATTACH_RESIZE && terminal >= 0)
			sys3(__NR_ioctl, terminal, TIOCSWINSZ, &size);
	}
	return state == -EAGAIN;
}

void serve_clients(struct clients *clients, int terminal)
{
	accept_all(clients);
	for (u64 i = 0; i < clients->count;) {
		if (listen_to(&clients->all[i], terminal))
			i++;
		else
			forget(clients, i);
	}
}

/* Node makes the pipes that it has non-blocking, for everybody who shares them: wait until there is room. */
static bool write_patiently(int fd, const u8 *data, size_t size)
{
	while (size > 0) {
		long done = sys_write(fd, data, size);

		if (done == -EAGAIN) {
			struct pollfd writable = {fd, POLLOUT, 0};

			sys5(__NR_ppoll, &writable, 1, NULL, NULL, 0);
			continue;
		}
		if (done <= 0)
			return false;
		data += done;
		size -= (size_t)done;
	}
	return true;
}

void show_output(struct clients *clients, bool errors, const u8 *data, size_t size)
{
	for (u64 i = 0; i < clients->count; i++) {
		int *fd = errors ? &clients->all[i].errors : &clients->all[i].output;

		if (*fd >= 0 && !write_patiently(*fd, data, size))
			drop(fd); /* its reader is gone; the log still has all */
	}
}

void tell_exit(struct clients *clients, int status)
{
	struct message message = {.kind = MESSAGE_EXITED, .number = (u32)status};

	for (u64 i = 0; i < clients->count; i++)
		send_message(clients->all[i].socket, &message, -1);
}
