// Opens what steps bind, as mounts of their own that can be attached in another root, and in another namespace.
#define _GNU_SOURCE
#include "sources.h"
#include "build-root.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int clone_tree(const char *path, int flags) {
  int tree = syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
  if (tree < 0) fail("bind mount from", path);
  return tree;
}

static void keep_unchanged(int tree, unsigned flags, unsigned long long more, const char *path) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | more};
  if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | flags, &attributes, sizeof attributes) < 0)
    fail("making a mount read-only", path);
}

/** An item: one mount, of which nothing can be changed. A symlink is made again. */
static struct source open_item(const char *path) {
  struct stat status;
  if (lstat(path, &status) < 0) fail("getting status of", path);
  if (S_ISLNK(status.st_mode)) {
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) fail("reading symlink", path);
    return (struct source){.tree = -1, .target = strndup(target, length)};
  }
  int tree = clone_tree(path, AT_SYMLINK_NOFOLLOW);
  keep_unchanged(tree, 0, MOUNT_ATTR_NODEV, path);
  return (struct source){.tree = tree, .is_directory = S_ISDIR(status.st_mode)};
}

/** All that is mounted in it comes with it. */
static struct source open_writable(const char *path) {
  struct stat status;
  if (stat(path, &status) < 0) fail("getting status of", path);
  return (struct source){.tree = clone_tree(path, AT_RECURSIVE), .is_directory = S_ISDIR(status.st_mode)};
}

/** The machine's own, if it has it: a builder that is root must not change it. Devices are written to all the same. */
static struct source open_machines(const char *path) {
  struct stat status;
  if (stat(path, &status) < 0) return (struct source){.tree = -1};
  int tree = clone_tree(path, AT_RECURSIVE);
  keep_unchanged(tree, AT_RECURSIVE, 0, path);
  return (struct source){.tree = tree, .is_directory = S_ISDIR(status.st_mode)};
}

struct source *open_sources(char **steps, size_t count) {
  struct source *sources = calloc(count + 1, sizeof *sources);
  if (!sources) fail("taking", "memory");
  for (size_t i = 0; i < count; i++) {
    const char *path = strchr(steps[i], '\n');
    if (path && steps[i][0] == 'b') sources[i] = open_item(path + 1);
    else if (path && steps[i][0] == 'w') sources[i] = open_writable(path + 1);
    else if (path && steps[i][0] == 'o') sources[i] = open_machines(path + 1);
    else sources[i].tree = -1;
  }
  return sources;
}

bool open_view(struct view *view) {
  view->mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  view->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return view->mounts >= 0 && view->root >= 0;
}

void enter_view(const struct view *view) {
  if (setns(view->mounts, CLONE_NEWNS) < 0) fail("entering", "a mount namespace");
  if (fchdir(view->root) < 0 || chroot(".") < 0) fail("changing the root to", "/");
}
