/*
 * System calls without a libc: each wrapper is one instruction and answers as the kernel does, a value
 * or minus errno. The same code runs inside Node (the addon) and as ctr-init, which has no libc at all,
 * so nothing of a process's state but the kernel's own is ever used.
 */
#ifndef CTR_SYS_H
#define CTR_SYS_H

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef int64_t s64;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint16_t u16;
typedef uint8_t u8;

#define PATH_ROOM 4096 /* PATH_MAX of <linux/limits.h>: the longest path of a call, with its NUL */

#if defined(__x86_64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "ctr knows the system call convention of x86_64 and aarch64"
#endif

#define SYS_ARG(x) ((long)(x))
#define sys0(n) sys6(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a) sys6(n, SYS_ARG(a), 0, 0, 0, 0, 0)
#define sys2(n, a, b) sys6(n, SYS_ARG(a), SYS_ARG(b), 0, 0, 0, 0)
#define sys3(n, a, b, c) sys6(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), 0, 0, 0)
#define sys4(n, a, b, c, d) sys6(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), 0, 0)
#define sys5(n, a, b, c, d, e) sys6(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), 0)

/* Newer than the headers of some distributions that the code is built on. */
#ifndef __NR_mount_setattr
#define __NR_mount_setattr 442
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

#ifndef AT_FDCWD
#define AT_FDCWD -100
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#ifndef AT_SYMLINK_NOFOLLOW
#define AT_SYMLINK_NOFOLLOW 0x100
#endif
#ifndef AT_REMOVEDIR
#define AT_REMOVEDIR 0x200
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* <sys/stat.h> of a libc would bring its own struct; the addon and ctr-init use statx(2) alone. */
#ifndef S_IFMT
#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFREG 0100000
#define S_IFLNK 0120000
#define S_IFCHR 0020000
#define S_IFBLK 0060000
#define S_IFIFO 0010000
#endif

static inline int sys_close(int fd)
{
	return (int)sys1(__NR_close, fd);
}

static inline int sys_openat(int dir, const char *path, int flags, int mode)
{
	return (int)sys4(__NR_openat, dir, path, flags | O_CLOEXEC, mode);
}

static inline long sys_write(int fd, const void *data, size_t size)
{
	long done;

	do
		done = sys3(__NR_write, fd, data, size);
	while (done == -EINTR);
	return done;
}

static inline long sys_read(int fd, void *data, size_t size)
{
	long done;

	do
		done = sys3(__NR_read, fd, data, size);
	while (done == -EINTR);
	return done;
}

/* 0, or minus errno: everything is written or the first error is told. */
static inline int write_all(int fd, const void *data, size_t size)
{
	const char *next = data;

	while (size > 0) {
		long done = sys_write(fd, next, size);

		if (done < 0)
			return (int)done;
		next += done;
		size -= (size_t)done;
	}
	return 0;
}

static inline size_t text_length(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	return length;
}

static inline bool text_equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static inline void zero(void *memory, size_t size)
{
	__builtin_memset(memory, 0, size);
}

static inline void copy(void *to, const void *from, size_t size)
{
	__builtin_memcpy(to, from, size);
}

/* Copies text and its NUL, cut to `room`. Returns the length that was copied. */
static inline size_t copy_text(char *to, size_t room, const char *from)
{
	size_t length = 0;

	if (room == 0)
		return 0;
	while (length + 1 < room && from[length] != '\0') {
		to[length] = from[length];
		length++;
	}
	to[length] = '\0';
	return length;
}

/* Decimal digits and a NUL at `to`, which has room for 21 bytes. Returns the number of digits. */
static inline size_t number_text(char *to, u64 number)
{
	char digits[20];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	for (size_t i = 0; i < count; i++)
		to[i] = digits[count - 1 - i];
	to[count] = '\0';
	return count;
}

#endif
