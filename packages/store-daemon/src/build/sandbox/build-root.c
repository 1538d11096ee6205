// Puts the root directory of a build together, step by step.
//
//   dMODE PATH         directory                     fPATH LF CONTENTS  file
//   lPATH LF TARGET    symlink                       cPATH LF OPTIONS   proc; `ro`: nothing in it can be set
//   bPATH LF SOURCE    what is at SOURCE, read only; a symlink is made again
//   wPATH LF SOURCE    what is at SOURCE, with all that is mounted in it, writable
//   oPATH LF SOURCE    the same, if there is such, but a device or read only
//   tPATH LF OPTIONS   tmpfs                         pPATH LF OPTIONS   devpts
//
// PATH is below the root. What SOURCE is has been looked up before: by then it may be out of sight (sources.c).
#define _GNU_SOURCE
#include "build-root.h"
#include "outside.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int failures = -1;

void fail(const char *what, const char *path) {
  char text[PATH_MAX + 256];
  int length = snprintf(text, sizeof text, "failed %s `%s': %s\n", what, path, strerror(errno));
  if (length > (int)sizeof text) length = sizeof text;
  if (write(failures, text, length) < 0) _exit(2);
  _exit(1);
}

/** The working directory is the root. */
static const char *below(const char *path) {
  return path[1] ? path + 1 : ".";
}

static void make_mount_point(const char *path, bool directory) {
  if (directory) {
    if (mkdir(below(path), 0755) < 0 && errno != EEXIST) fail("creating directory", path);
    return;
  }
  int fd = open(below(path), O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) fail("creating file", path);
  close(fd);
}

static void attach(const char *path, const struct source *source) {
  if (source->target && symlink(source->target, below(path)) < 0) fail("creating symlink", path);
  if (source->tree < 0) return;
  make_mount_point(path, source->is_directory);
  if (syscall(SYS_move_mount, source->tree, "", AT_FDCWD, below(path), MOVE_MOUNT_F_EMPTY_PATH) < 0)
    fail("bind mount at", path);
  close(source->tree);
}

static void make_directory(char *step) {
  char *path;
  unsigned long mode = strtoul(step, &path, 8);
  path++;
  if (mkdir(below(path), 0700) < 0) fail("creating directory", path);
  if (chmod(below(path), mode) < 0) fail("changing mode of", path);
}

static void make_mount(const char *path, const char *type, unsigned long flags, const char *options) {
  make_mount_point(path, true);
  if (mount(type, below(path), type, flags, options) < 0) fail("mounting", path);
}

static void take_step(char *step, const struct source *source) {
  char *path = step + 1, *rest = strchr(step, '\n');
  if (step[0] == 'd') return make_directory(path);
  if (rest) *rest++ = 0;
  else rest = "";
  switch (step[0]) {
    case 'f': if (!write_file(below(path), rest)) fail("writing to file", path); return;
    case 'l': if (symlink(rest, below(path)) < 0) fail("creating symlink", path); return;
    case 'b': case 'w': case 'o': return attach(path, source);
    case 't': return make_mount(path, "tmpfs", MS_NOSUID | MS_NODEV, rest);
    case 'p': return make_mount(path, "devpts", MS_NOSUID | MS_NOEXEC, rest);
    case 'c': return make_mount(path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | (*rest ? MS_RDONLY : 0), "");
  }
  errno = EINVAL;
  fail("understanding step", step);
}

void take_steps(char **steps, const struct source *sources, size_t count) {
  for (size_t i = 0; i < count; i++) take_step(steps[i], &sources[i]);
}

void enter_new_root(const char *place, char **steps, const struct source *sources, size_t count) {
  // Nothing that is mounted here may reach the rest of the machine.
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("making private", "/");
  // It holds mount points and a few lines of /etc: memory is not the builder's to fill here.
  if (mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m,nr_inodes=16k") < 0)
    fail("mounting", place);
  if (chdir(place) < 0) fail("changing directory to", place);
  take_steps(steps, sources, count);
  // The old root ends up on top of the new one, and goes from there: pivot_root(2), NOTES.
  if (syscall(SYS_pivot_root, ".", ".") < 0) fail("changing the root to", place);
  if (umount2(".", MNT_DETACH) < 0) fail("unmounting", "/");
  if (chdir("/") < 0) fail("changing directory to", "/");
}

void seal_root(void) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
  if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes) < 0)
    fail("making a mount read-only", "/");
}
