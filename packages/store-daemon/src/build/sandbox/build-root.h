// The root directory of a build.
#pragma once
#include "sources.h"

/** Says on `failures` what could not be done, and ends the process. */
_Noreturn void fail(const char *what, const char *path);

/** Where fail() writes. */
extern int failures;

/**
 * Makes an empty root this process's own, with what `steps` put there; needs a mount namespace of its own. `place` is
 * any directory.
 */
void enter_new_root(const char *place, char **steps, const struct source *sources, size_t count);

/** Takes more steps, below the root. */
void take_steps(char **steps, const struct source *sources, size_t count);

/** Nothing can be added to the root directory itself any more. */
void seal_root(void);
