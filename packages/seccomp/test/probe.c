/*
 * Load the filter in the file argv[1], then make the calls that the other arguments name and print their errno.
 * A call is ENTRY:NUMBER:ARGUMENT,ARGUMENT,… with ENTRY `syscall` or `int80`; numbers as strtoull(3) reads them.
 * The calls must be harmless when the filter lets them through.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static long through_int80(long number, const unsigned long long *a)
{
#ifdef __x86_64__
	long result;

	/* The 32-bit entry is open to 64-bit code as well; it reads the low halves and gives r8 to r11 back as 0. */
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
#else
	(void)number;
	(void)a;
	return -ENOSYS;
#endif
}

static long make_call(const char *text)
{
	unsigned long long a[6] = { 0 };
	int int80 = strncmp(text, "int80:", 6) == 0;
	char *at = strchr(text, ':');
	long number = (long)strtoull(at + 1, &at, 0);

	for (int i = 0; i < 6 && (*at == ':' || *at == ','); i++)
		a[i] = strtoull(at + 1, &at, 0);
	if (int80)
		return through_int80(number, a);
	errno = 0;
	return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
	static struct sock_filter code[4097];
	struct sock_fprog program = { .filter = code };
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;

	if (!file) {
		perror("filter");
		return 1;
	}
	program.len = (unsigned short)fread(code, sizeof(code[0]), 4097, file);
	fclose(file);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
		perror("seccomp");
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		long result = make_call(argv[i]);

		printf("%ld\n", result < 0 ? -result : 0);
		fflush(stdout);
	}
	return 0;
}
