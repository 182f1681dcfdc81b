#ifndef CTR_SPAWN_H
#define CTR_SPAWN_H

#include "sys.h"

#define SPAWN_FDS 32

struct spawn {
	int program; /* fd of a sealed memfd that holds ctr-init */
	char *const *arguments;
	u64 namespaces; /* CLONE_NEW* */
	int cgroup;     /* CLONE_INTO_CGROUP, or -1 */
	u32 count;
	int from[SPAWN_FDS]; /* in the child fd from[i] is at[i], everything else is closed */
	int at[SPAWN_FDS];
	int pidfd; /* out */
	int error; /* out: minus errno of the child's exec, or 0 */
};

/* The child's pid, or minus errno. Returns when the child has left this process's memory. */
long spawn(struct spawn *spawn);

#endif
