// What happens in the service's own process before it becomes the service: everything that must be given up is
// given up here, in the order that permissions allow, and then tried once more to prove that it is gone.
#include "keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static bool write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  int error = errno;
  close(fd);
  errno = error;
  return written;
}

static bool enter_cgroup(const char *folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/cgroup.procs", folder);
  return write_file(path, "0");
}

static bool drop_bounding_set(uint64_t kept) {
  for (int capability = 0; capability < 64; capability++) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0) return true;
    if (!(kept >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return false;
  }
  return true;
}

static struct __user_cap_header_struct capability_header = {_LINUX_CAPABILITY_VERSION_3, 0};

static bool keep_capabilities(uint64_t kept) {
  struct __user_cap_data_struct data[2];
  for (int i = 0; i < 2; i++) {
    uint32_t half = kept >> (32 * i);
    data[i] = (struct __user_cap_data_struct){half, half, half};
  }
  if (syscall(SYS_capset, &capability_header, data) < 0) return false;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; capability < 64; capability++)
    if ((kept >> capability & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0) return false;
  return true;
}

/** There is no way back: not to another user or group, not to a capability. */
static bool prove_dropped(const struct specification *spec) {
  uid_t r, e, s;
  gid_t gr, ge, gs;
  struct __user_cap_data_struct data[2];
  if (getresuid(&r, &e, &s) < 0 || r != spec->uid || e != spec->uid || s != spec->uid) return false;
  if (getresgid(&gr, &ge, &gs) < 0 || gr != spec->gid || ge != spec->gid || gs != spec->gid) return false;
  if (spec->uid == 0) return true;
  if (setuid(0) == 0 || setresuid(-1, 0, -1) == 0 || seteuid(0) == 0) return false;
  if (spec->gid != 0 && setgid(0) == 0) return false;
  if (syscall(SYS_capget, &capability_header, data) < 0) return false;
  uint64_t permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
  return (permitted & ~spec->capabilities) == 0;
}

static void reset_signals(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

int above_targets(const struct specification *spec) {
  const int sockets = 3 + spec->sockets;
  return spec->ready_fd >= sockets ? spec->ready_fd + 1 : sockets;
}

/** The sockets to 3…, the readiness descriptor to where the service expects it; nothing else is inherited. */
static bool arrange_descriptors(const struct specification *spec) {
  int moved[64], high = above_targets(spec);
  if (spec->sockets > 60) return errno = EINVAL, false;
  for (int i = 0; i < spec->sockets; i++)
    if ((moved[i] = fcntl(FIRST_SOCKET + i, F_DUPFD_CLOEXEC, high)) < 0) return false;
  int ready = -1;
  if (spec->ready_fd > 0) {
    int source = spec->ready_source >= 0 ? spec->ready_source : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if ((ready = fcntl(source, F_DUPFD_CLOEXEC, high)) < 0) return false;
  }
  if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
    for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX); fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
  for (int i = 0; i < spec->sockets; i++) {
    if (dup2(moved[i], 3 + i) < 0) return false;
    // One of them may be a file, which the process before this one has read.
    lseek(3 + i, 0, SEEK_SET);
  }
  return ready < 0 || dup2(ready, spec->ready_fd) >= 0;
}

static void tell_sockets(struct specification *spec) {
  if (spec->sockets == 0) return;
  static char count[32], pid[32];
  snprintf(count, sizeof count, "LISTEN_FDS=%d", spec->sockets);
  snprintf(pid, sizeof pid, "LISTEN_PID=%d", getpid());
  spec->environment[spec->variables] = count;
  spec->environment[spec->variables + 1] = pid;
  spec->environment[spec->variables + 2] = NULL;
}

struct stage_failure confine_and_execute(struct specification *spec) {
  struct stage_failure failure = {"", 0};
#define STEP(name, done) \
  if (!(done)) { failure.error = errno; strncpy(failure.stage, name, sizeof failure.stage - 1); return failure; }

  if (!spec->foreground) setpgid(0, 0);
  if (spec->cgroup) STEP("cgroup", enter_cgroup(spec->cgroup))
  if (spec->oom_score) STEP("oom_score", write_file("/proc/self/oom_score_adj", spec->oom_score))
  if (spec->has_nice) STEP("nice", setpriority(PRIO_PROCESS, 0, spec->nice) == 0)
  umask(spec->umask);
  STEP("descriptors", arrange_descriptors(spec))
  // Afterwards: a limit of descriptors may be lower than the numbers that were used to arrange them.
  for (int i = 0; i < spec->limit_count; i++)
    STEP("limits", setrlimit(spec->limits[i].resource, &spec->limits[i].value) == 0)
  if (spec->root) STEP("chroot", chroot(spec->root) == 0 && chdir("/") == 0)
  if (spec->bounded) STEP("bounding set", drop_bounding_set(spec->capabilities))
  if (spec->change_user) {
    STEP("groups", setgroups(spec->group_count, spec->groups) == 0)
    STEP("group", setresgid(spec->gid, spec->gid, spec->gid) == 0)
    if (spec->capabilities) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    STEP("user", setresuid(spec->uid, spec->uid, spec->uid) == 0)
  }
  if (spec->bounded) STEP("capabilities", keep_capabilities(spec->capabilities))
  if (spec->no_new_privileges) STEP("no_new_privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
  errno = EPERM;
  if (spec->change_user) STEP("proof", prove_dropped(spec))
  STEP("cwd", chdir(spec->cwd) == 0)
  reset_signals();
  tell_sockets(spec);
  environ = spec->environment;
  execvp(spec->argv[0], spec->argv);
  STEP("exec", false)
  return failure;
}
