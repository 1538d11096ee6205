// The root directory of a build.
#pragma once
#include "request.h"

/** Says on `failures` what could not be done, and ends the process. */
_Noreturn void fail(const char *what, const char *path);

/** Where fail() writes. */
extern int failures;

/**
 * Takes the outside steps. Returns what failed, or NULL; `made` is how many were taken: what stood in the way of one is
 * not ours to remove.
 */
const char *make_outside(const struct request *request, size_t *made);

/** Puts the root together and makes it this process's own; needs a mount namespace of its own. */
void enter_build_root(const struct request *request);
