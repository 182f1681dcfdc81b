/* Setting up a network namespace from inside: the messages were made by @ctr/netlink, the kernel acknowledges each. */
#include "walk.h"
#include "netlink_socket.h"

int do_send_netlink(struct walker *walker, const struct step_send_netlink *step)
{
	u8 answer[8192];
	int fd = open_netlink((int)step->protocol);
	u64 expected = count_acknowledged(step->messages.data, step->messages.size);
	long error;

	if (fd < 0)
		return failed(walker, "socket", "netlink", fd);
	error = sys6(__NR_sendto, fd, SYS_ARG(step->messages.data), SYS_ARG(step->messages.size), 0, 0, 0);
	while (error >= 0 && expected > 0) {
		long size = sys6(__NR_recvfrom, fd, SYS_ARG(answer), sizeof answer, 0, 0, 0);

		error = size < 0 ? size : first_error(answer, (size_t)size, &expected);
	}
	sys_close(fd);
	return error < 0 ? failed(walker, "netlink", "the kernel refused a request", error) : 0;
}
