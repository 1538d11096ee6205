// The pidfile (the number, for everyone's tools) and the state (who that is, for us): written whole under another
// name and renamed, so that a reader or a power failure never sees half of one.
#include "keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool published;

const char *read_stat(pid_t pid, int number, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  ssize_t length = read(fd, text, size - 1);
  close(fd);
  if (length <= 0) return NULL;
  text[length] = 0;
  // The name in parentheses may hold anything; what follows the last one is numbers.
  char *at = strrchr(text, ')');
  for (int field = 2; at && field < number; field++) at = strchr(at + 1, ' ');
  return at ? at + 1 : NULL;
}

/** With the boot, what tells a process from the next one with its number. */
unsigned long long start_time(pid_t pid) {
  char text[2048];
  const char *field = read_stat(pid, 22, text, sizeof text);
  return field ? strtoull(field, NULL, 10) : 0;
}

static int format_state(char *text, size_t size, const struct specification *spec, const struct incarnation *service) {
  return snprintf(text, size,
    "{%s,\"pid\":%d,\"start\":%llu,\"session\":%d,\"keeper\":%d,\"keeper_start\":%llu,\"restarts\":%d}\n",
    spec->state_fields, service->pid, service->start, spec->foreground ? 0 : getsid(0), spec->keep ? getpid() : 0,
    spec->keep ? start_time(getpid()) : 0, service->restarts);
}

/** In the foreground there may be nobody to take it away afterwards, and whoever runs it knows the number. */
static bool has_pidfile(const struct specification *spec) {
  return !spec->foreground;
}

static bool write_new(const char *path, const char *text, size_t length) {
  char name[4096];
  snprintf(name, sizeof name, "%s.new", path);
  unlink(name);
  int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  fchmod(fd, 0644);
  bool written = write(fd, text, length) == (ssize_t)length;
  int error = written || errno ? errno : ENOSPC;
  // Some file systems say only now that there was no room.
  if (close(fd) < 0) written = false, error = errno;
  if (!written) unlink(name);
  errno = error;
  return written;
}

bool prepare_records(const struct specification *spec, const struct incarnation *service) {
  char state[16384], pid[32];
  int length = format_state(state, sizeof state, spec, service);
  if (length >= (int)sizeof state) return errno = ENAMETOOLONG, false;
  errno = 0;
  if (!write_new(spec->state, state, length)) return false;
  return !has_pidfile(spec) || write_new(spec->pidfile, pid, snprintf(pid, sizeof pid, "%d\n", service->pid));
}

static bool put_in_place(const char *path) {
  char name[4096];
  snprintf(name, sizeof name, "%s.new", path);
  return rename(name, path) == 0;
}

bool publish_records(const struct specification *spec) {
  // The token before anything tells of us: its place may be taken. A service made again has the one that it had.
  if (!published && spec->token && !put_in_place(spec->token)) return false;
  // The state first: it is what we trust, and without it the pidfile is a stranger's.
  bool done = put_in_place(spec->state) && (!has_pidfile(spec) || put_in_place(spec->pidfile));
  published |= done;
  return done;
}

static void overwrite(const char *path, const char *text, size_t length) {
  int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  // What is already allocated can be written to on a full disk.
  if (pwrite(fd, text, length, 0) == (ssize_t)length && ftruncate(fd, length) < 0) errno = 0;
  close(fd);
}

void renew_records(const struct specification *spec, const struct incarnation *service) {
  if (prepare_records(spec, service) && publish_records(spec)) return;
  char state[16384], pid[32];
  overwrite(spec->state, state, format_state(state, sizeof state, spec, service));
  overwrite(spec->pidfile, pid, snprintf(pid, sizeof pid, "%d\n", service->pid));
}

static void remove_new(const char *path) {
  char name[4096];
  snprintf(name, sizeof name, "%s.new", path);
  unlink(name);
}

void remove_records(const struct specification *spec) {
  if (!published) {
    remove_new(spec->pidfile);
    remove_new(spec->state);
    if (spec->token) remove_new(spec->token);
    return;
  }
  char text[16384], *id = strndup(spec->state_fields, 40);
  int fd = open(spec->state, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[length < 0 ? 0 : length] = 0;
  // The fields begin with the incarnation's id.
  if (id && strstr(text, id)) {
    unlink(spec->pidfile);
    unlink(spec->state);
  }
  free(id);
}
