// Ends what is left of a service when its main process has ended: the whole cgroup where there is one, and every
// process that lost its parent, for whom the keeper is the subreaper.
#include "keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool is_empty(const char *cgroup) {
  char path[4096], text[256];
  snprintf(path, sizeof path, "%s/cgroup.events", cgroup);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length < 0 ? 0 : length] = 0;
  return strstr(text, "populated 0") != NULL;
}

bool cgroup_was_killed;

static void kill_cgroup(const char *cgroup) {
  char path[4096];
  snprintf(path, sizeof path, "%s/cgroup.kill", cgroup);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "1", 1) < 0) errno = 0;
  cgroup_was_killed = true;
  close(fd);
}

/** Everything below the keeper: it is their subreaper, so that whoever loses a parent becomes its child. */
static bool kill_children(void) {
  char path[64], text[8192];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[length < 0 ? 0 : length] = 0;
  bool any = false;
  for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) any |= kill(atoi(word), SIGKILL) == 0;
  return any;
}

void sweep(const char *cgroup) {
  const struct timespec pause = {0, 1000000};
  for (int round = 0; round < 2000; round++) {
    if (cgroup && !is_empty(cgroup)) kill_cgroup(cgroup);
    bool any = kill_children();
    while (waitpid(-1, NULL, WNOHANG) > 0) any = true;
    if (!any && (!cgroup || is_empty(cgroup))) return;
    nanosleep(&pause, NULL);
  }
}
