// Removes a tree without a stack and without long names: a builder can make one that is deeper than both allow.
#include "remove-tree.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Enters a directory that is not empty; one of ours that we may not read is made readable. */
static bool enter(const char *name) {
  struct stat status;
  if (lstat(name, &status) < 0 || !S_ISDIR(status.st_mode)) return false;
  if ((status.st_mode & 0700) != 0700) chmod(name, 0700);
  return chdir(name) == 0;
}

enum found { NOTHING, ENTERED, STUCK };

/** Removes what is in the working directory up to the first directory that is not empty, which it goes into. */
static enum found remove_entries(void) {
  DIR *directory = opendir(".");
  if (!directory) return STUCK;
  enum found found = NOTHING;
  for (struct dirent *entry; found == NOTHING && (entry = readdir(directory));) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (entry->d_type != DT_DIR && unlink(name) == 0) continue;
    if (rmdir(name) == 0) continue;
    // Removed by its name alone, once it is empty: after coming back it is met again.
    found = enter(name) ? ENTERED : STUCK;
  }
  closedir(directory);
  return found;
}

void remove_tree(const char *path) {
  if (unlink(path) == 0 || errno == ENOENT || rmdir(path) == 0) return;
  if (!enter(path)) return;
  for (unsigned long depth = 0;;) {
    enum found found = remove_entries();
    if (found == STUCK) break;
    if (found == ENTERED) depth++;
    else if (depth == 0) break;
    else if (depth--, chdir("..") < 0) break;
  }
  if (chdir("/") == 0) rmdir(path);
}
