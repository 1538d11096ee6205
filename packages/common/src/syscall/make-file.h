// Makes files of contents that are in memory, on a thread beside the caller's where there are several: make-file.c.
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/**
 * Begins to make a new file of these contents, mode (less the umask) and time, unless there is one called like it with
 * `guard` behind (empty for none). The number by which it has to be finished, or -1 with errno.
 */
int begin_file(const char *path, const char *guard, const void *contents, size_t size, mode_t mode, time_t time);

/** Waits for it. What came of it: 0, or -1 with errno, EEXIST when there is something of that name, EBUSY the guard. */
int finish_file(int number);
