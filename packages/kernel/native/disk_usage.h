/* What a tree takes on its disk. */
#ifndef CTR_DISK_USAGE_H
#define CTR_DISK_USAGE_H

#include "sys.h"

/* Bytes of all blocks at and below `path`, a file with several names counted once, as du(1) does; or minus errno. */
s64 disk_usage_of(const char *path);

#endif
