/* The container's terminal: made in its own devpts, so that both ends belong to it (CVE-2025-52565). */
#include "walk.h"
#include "message.h"

#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/magic.h>

struct filesystem { /* struct statfs, as far as it is read */
	long type;
	long rest[15];
};

static int open_master(struct walker *walker)
{
	struct filesystem filesystem;
	int fd = open_in(walker, TREE_ROOTFS, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);
	long error;

	if (fd < 0)
		return failed(walker, "openat2", "/dev/pts/ptmx", fd);
	error = sys2(__NR_fstatfs, fd, &filesystem);
	if (error == 0 && filesystem.type != DEVPTS_SUPER_MAGIC)
		error = -ENOTTY;
	if (error == 0) {
		int unlocked = 0;

		error = sys3(__NR_ioctl, fd, TIOCSPTLCK, &unlocked);
	}
	if (error < 0) {
		sys_close(fd);
		return failed(walker, "open", "/dev/pts/ptmx", error);
	}
	return fd;
}

static int bind_console(struct walker *walker, int terminal)
{
	int target = open_target(walker, TREE_ROOTFS, "/dev/console", 2);
	long mount, error;

	if (target < 0)
		return failed(walker, "openat2", "/dev/console", target);
	mount = sys3(__NR_open_tree, terminal, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	error = mount < 0 ? mount
			  : sys5(__NR_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	if (mount >= 0)
		sys_close((int)mount);
	sys_close(target);
	return error < 0 ? failed(walker, "move_mount", "/dev/console", error) : 0;
}

static int become_stdio(struct walker *walker, int terminal)
{
	for (int fd = 0; fd <= 2; fd++) {
		long error = sys3(__NR_dup3, terminal, fd, 0);

		if (error < 0)
			return failed(walker, "dup3", NULL, error);
	}
	return 0;
}

int do_open_terminal(struct walker *walker, const struct step_open_terminal *step)
{
	struct message message = {.kind = MESSAGE_TERMINAL, .step = (u32)walker->step};
	struct winsize size = {(u16)step->rows, (u16)step->columns, 0, 0};
	int master = open_master(walker);
	long terminal, error;

	if (master < 0)
		return master;
	terminal = sys3(__NR_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0)
		return failed(walker, "ioctl", "TIOCGPTPEER", terminal);
	if (step->rows > 0)
		sys3(__NR_ioctl, terminal, TIOCSWINSZ, &size);
	sys3(__NR_fchown, terminal, step->uid, -1);
	error = bind_console(walker, (int)terminal);
	if (error < 0)
		return (int)error;
	error = send_message(step->send < 0 ? walker->channel : (int)step->send, &message, master);
	sys_close(master);
	if (error < 0)
		return failed(walker, "sendmsg", "the terminal's master", error);
	error = sys3(__NR_ioctl, terminal, TIOCSCTTY, 0);
	if (error < 0)
		return failed(walker, "ioctl", "TIOCSCTTY", error);
	error = become_stdio(walker, (int)terminal);
	if (terminal > 2)
		sys_close((int)terminal);
	return (int)error;
}
