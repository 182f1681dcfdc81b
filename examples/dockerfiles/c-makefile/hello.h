#include <stdio.h>
static int hello(void) { return puts("hello") < 0; }
