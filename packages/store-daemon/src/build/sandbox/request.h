// What a build is to run in, as its request says.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MAX_GROUPS 64

struct request {
  const char *builder, *directory;
  // Ends with NULL, as does `environment`.
  char **arguments, **environment;
  // Without: the caller's own user.
  bool has_user;
  uid_t uid;
  gid_t gid, groups[MAX_GROUPS];
  size_t group_count;
  // Flags of clone(2), and of personality(2).
  unsigned long namespaces, personality;
  // Any directory, where the root of the build is put together; NULL: it sees this machine's.
  const char *root;
  // Each a letter and its words; in order. `initial` are steps that are taken first.
  char **outside, **initial, **steps;
  size_t outside_count, initial_count, step_count;
  // What to remove afterwards. Ends with NULL.
  char **removed;
};

/** Takes a request apart in place; false when it is malformed. */
bool parse_request(char *bytes, size_t length, struct request *request);

/**
 * How long the fields are that requests of one kind share: namespaces, root, initial steps. They come first. 0 if nothing
 * can be made of them without the rest: no root, or a user namespace.
 */
size_t measure_kind(const char *bytes, size_t length);

/** Whether it says what is to be run, and where. */
bool is_complete(const struct request *request);
