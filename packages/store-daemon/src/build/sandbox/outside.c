// Takes the outside steps of a request. PATH is the machine's:
//
//   dMODE UID GID PATH  directory that is new; -1 for an owner that stays as it is    fPATH LF CONTENTS  file
//   cMODE UID GID PATH  the same, in place of what is there
#define _GNU_SOURCE
#include "outside.h"
#include "remove-tree.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool make_directory(const char *path, unsigned mode, int uid, int gid, bool clear) {
  if (mkdir(path, 0700) < 0) {
    if (errno != EEXIST || !clear) return false;
    // What is in the way was left by a build that was cut off.
    remove_tree(path);
    if (mkdir(path, 0700) < 0) return false;
  }
  // chown(2) clears bits of the mode, so the mode comes last.
  return ((uid < 0 && gid < 0) || chown(path, uid, gid) == 0) && (mode == 0700 || chmod(path, mode) == 0);
}

bool write_file(const char *path, const char *contents) {
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  size_t length = strlen(contents);
  bool written = fd >= 0 && write(fd, contents, length) == (ssize_t)length;
  if (fd >= 0) close(fd);
  return written;
}

const char *make_outside(const struct request *request, size_t *made) {
  for (size_t i = 0; i < request->outside_count; i++, ++*made) {
    char *step = request->outside[i], *rest = strchr(step, '\n');
    int uid, gid, used = 0;
    unsigned mode;
    if (step[0] == 'f' && rest) {
      *rest = 0;
      if (!write_file(step + 1, rest + 1)) return step + 1;
      continue;
    }
    if (sscanf(step + 1, "%o %d %d %n", &mode, &uid, &gid, &used) < 3 || used == 0) return "a step";
    const char *path = step + 1 + used;
    if (!make_directory(path, mode, uid, gid, step[0] == 'c')) return path;
  }
  return NULL;
}
