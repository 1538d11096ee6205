// The root directory of a build.
#pragma once
#include "request.h"

/** Says on `failures` what could not be done, and ends the process. */
_Noreturn void fail(const char *what, const char *path);

/** Where fail() writes. */
extern int failures;

/** Directories that outlive the build's namespaces: its outputs appear in them. Returns what failed, or NULL. */
const char *make_outside(const struct request *request);

/** Puts the root together and makes it this process's own; needs a mount namespace of its own. */
void enter_build_root(const struct request *request);
