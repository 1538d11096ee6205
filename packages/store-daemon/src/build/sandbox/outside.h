// What is made for a build before it starts, and outlives its namespaces.
#pragma once
#include "request.h"

/**
 * Takes the outside steps. Returns what failed, or NULL; `made` is how many were taken: what stood in the way of one is
 * not ours to remove.
 */
const char *make_outside(const struct request *request, size_t *made);

/** Makes a file that is new. */
bool write_file(const char *path, const char *contents);
