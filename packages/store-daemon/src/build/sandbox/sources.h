// What a build sees of the machine.
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct source {
  // A mount that is nowhere yet; negative when the step has none.
  int tree;
  bool is_directory;
  // What a symlink points to, else NULL.
  char *target;
};

/** One for each step (build-root.c says what steps there are), as the calling process sees the machine. */
struct source *open_sources(char **steps, size_t count);

/** Namespace and root directory of those who see it. */
struct view {
  int mounts, root;
};

/** As the calling process sees it; false when that cannot be told. */
bool open_view(struct view *view);

/** Sees it so from here on. */
void enter_view(const struct view *view);
