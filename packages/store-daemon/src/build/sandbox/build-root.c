// Puts the root directory of a build together, step by step.
//
//   dMODE PATH         directory                     fPATH LF CONTENTS  file
//   lPATH LF TARGET    symlink                       cPATH LF OPTIONS   proc; `ro`: nothing in it can be set
//   bPATH LF SOURCE    what is at SOURCE, read only; a symlink is made again
//   wPATH LF SOURCE    what is at SOURCE, with all that is mounted in it, writable
//   oPATH LF SOURCE    the same, unless there is none    tPATH LF OPTIONS   tmpfs      pPATH LF OPTIONS   devpts
//
// PATH is below the root. Outside steps, whose PATH is the machine's:
//   dMODE UID GID PATH  directory that is new; -1 for an owner that stays as it is    fPATH LF CONTENTS  file
//   cMODE UID GID PATH  the same, in place of what is there
#define _GNU_SOURCE
#include "build-root.h"
#include "remove-tree.h"
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

static bool make_outside_directory(const char *path, unsigned mode, int uid, int gid, bool clear) {
  if (mkdir(path, 0700) < 0) {
    if (errno != EEXIST || !clear) return false;
    // What is in the way was left by a build that was cut off.
    remove_tree(path);
    if (mkdir(path, 0700) < 0) return false;
  }
  // chown(2) clears bits of the mode, so the mode comes last.
  return ((uid < 0 && gid < 0) || chown(path, uid, gid) == 0) && chmod(path, mode) == 0;
}

static bool write_file(const char *path, const char *contents) {
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
    if (!make_outside_directory(path, mode, uid, gid, step[0] == 'c')) return path;
  }
  return NULL;
}

static void make_mount_point(const char *path, bool directory) {
  if (directory) {
    if (mkdir(path, 0755) < 0 && errno != EEXIST) fail("creating directory", path);
    return;
  }
  int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) fail("creating file", path);
  close(fd);
}

static void set_attributes(const char *path, unsigned long long set) {
  struct mount_attr attributes = {.attr_set = set};
  if (syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof attributes) < 0)
    fail("making a mount read-only", path);
}

static void copy_symlink(const char *path, const char *source) {
  char target[PATH_MAX];
  ssize_t length = readlink(source, target, sizeof target - 1);
  if (length < 0) fail("reading symlink", source);
  target[length] = 0;
  if (symlink(target, path) < 0) fail("creating symlink", path);
}

static void bind_read_only(const char *path, const char *source) {
  struct stat stat;
  if (lstat(source, &stat) < 0) fail("getting status of", source);
  if (S_ISLNK(stat.st_mode)) return copy_symlink(path, source);
  make_mount_point(path, S_ISDIR(stat.st_mode));
  if (mount(source, path, NULL, MS_BIND, NULL) < 0) fail("bind mount from", source);
  set_attributes(path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

static void bind_writable(const char *path, const char *source, bool optional) {
  struct stat status;
  if (stat(source, &status) < 0) {
    if (optional) return;
    fail("getting status of", source);
  }
  make_mount_point(path, S_ISDIR(status.st_mode));
  if (mount(source, path, NULL, MS_BIND | MS_REC, NULL) < 0) fail("bind mount from", source);
}

static void make_directory(const char *root, char *step) {
  char path[PATH_MAX], *end;
  unsigned long mode = strtoul(step, &end, 8);
  snprintf(path, sizeof path, "%s%s", root, end + 1);
  if (mkdir(path, 0700) < 0) fail("creating directory", path);
  if (chmod(path, mode) < 0) fail("changing mode of", path);
}

static void make_mount(const char *path, const char *type, unsigned long flags, const char *options) {
  if (mkdir(path, 0755) < 0 && errno != EEXIST) fail("creating directory", path);
  if (mount(type, path, type, flags, options) < 0) fail("mounting", path);
}

static void take_step(const char *root, char *step) {
  char path[PATH_MAX], *rest = strchr(step, '\n');
  if (step[0] == 'd') return make_directory(root, step + 1);
  if (rest) *rest++ = 0;
  snprintf(path, sizeof path, "%s%s", root, step + 1);
  if (!rest) rest = "";
  switch (step[0]) {
    case 'f': if (!write_file(path, rest)) fail("writing to file", path); return;
    case 'l': if (symlink(rest, path) < 0) fail("creating symlink", path); return;
    case 'b': return bind_read_only(path, rest);
    case 'w': return bind_writable(path, rest, false);
    case 'o': return bind_writable(path, rest, true);
    case 't': return make_mount(path, "tmpfs", MS_NOSUID | MS_NODEV, rest);
    case 'p': return make_mount(path, "devpts", MS_NOSUID | MS_NOEXEC, rest);
    case 'c': return make_mount(path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | (*rest ? MS_RDONLY : 0), "");
  }
  errno = EINVAL;
  fail("understanding step", step);
}

void enter_build_root(const struct request *request) {
  const char *root = request->root;
  // Nothing that is mounted here may reach the rest of the machine.
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("making private", "/");
  // It holds mount points and a few lines of /etc: memory is not the builder's to fill here.
  if (mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m,nr_inodes=16k") < 0)
    fail("mounting", root);
  for (size_t i = 0; i < request->step_count; i++) take_step(root, request->steps[i]);
  if (chdir(root) < 0) fail("changing directory to", root);
  // The old root ends up on top of the new one, and goes from there: pivot_root(2), NOTES.
  if (syscall(SYS_pivot_root, ".", ".") < 0) fail("changing the root to", root);
  if (umount2(".", MNT_DETACH) < 0) fail("unmounting", "/");
  if (chdir("/") < 0) fail("changing directory to", "/");
  set_attributes("/", MOUNT_ATTR_RDONLY);
}
