// From a process in new namespaces to the builder: root directory, network, user, limits, exec.
#define _GNU_SOURCE
#include "builder.h"
#include "build-root.h"
#include "refuse-sockets.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) fail("writing to file", path);
  close(fd);
}

/** In a user namespace of our own we are who the request says; outside, who we were. */
static void map_user(const struct request *request, uid_t uid, gid_t gid) {
  char text[64];
  // Without privileges over the old groups, they may not be dropped either (user_namespaces(7)).
  write_text("/proc/self/setgroups", "deny");
  snprintf(text, sizeof text, "%u %u 1", request->uid, uid);
  write_text("/proc/self/uid_map", text);
  snprintf(text, sizeof text, "%u %u 1", request->gid, gid);
  write_text("/proc/self/gid_map", text);
}

static void raise_loopback(void) {
  int fd = socket(PF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_IP);
  struct ifreq interface = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &interface) < 0) fail("setting up", "lo");
  close(fd);
}

/** A builder that runs as root keeps what concerns its own files, and nothing of the machine. */
static void drop_capabilities(void) {
  const unsigned long long kept = 1 << CAP_CHOWN | 1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER | 1 << CAP_FSETID |
                                  1 << CAP_KILL | 1 << CAP_SETGID | 1 << CAP_SETUID | 1 << CAP_SYS_CHROOT;
  for (int capability = 0; capability <= 63; capability++) {
    if (capability <= 31 && (kept >> capability & 1)) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL) fail("dropping", "a capability");
  }
}

static void become_user(const struct request *request) {
  if (request->namespaces & CLONE_NEWUSER) return;
  if (!request->has_user) {
    if (getuid() == 0 && request->root) drop_capabilities();
    return;
  }
  if (setgroups(request->group_count, request->groups) < 0) fail("setting groups of", "the build user");
  if (setresgid(request->gid, request->gid, request->gid) < 0) fail("setting the group of", "the build user");
  if (setresuid(request->uid, request->uid, request->uid) < 0) fail("becoming", "the build user");
}

static void reset_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void wait_for_request(const struct beginning *beginning) {
  char word;
  ssize_t count;
  while ((count = read(beginning->go, &word, 1)) < 0 && errno == EINTR) {
  }
  if (count != 1) _exit(1);
  if (!beginning->handover) return;
  if (!read_handover(beginning->handover, beginning->request)) errno = EINVAL, fail("reading", "the request");
}

/** What can be made without the request is made before it comes, and the machine looked at once more when it has. */
static void set_up_root(const struct beginning *beginning) {
  struct request *request = beginning->request;
  struct source *first = open_sources(request->initial, request->initial_count);
  enter_new_root(request->root, request->initial, first, request->initial_count);
  struct view inside;
  if (!open_view(&inside)) fail("opening", "/proc/self/ns/mnt");
  wait_for_request(beginning);
  enter_view(&beginning->machine);
  struct source *others = open_sources(request->steps, request->step_count);
  enter_view(&inside);
  take_steps(request->steps, others, request->step_count);
}

/** In a user namespace there is no way back to where we came from. */
static void set_up_own_root(const struct request *request) {
  struct source *first = open_sources(request->initial, request->initial_count);
  struct source *others = open_sources(request->steps, request->step_count);
  enter_new_root(request->root, request->initial, first, request->initial_count);
  take_steps(request->steps, others, request->step_count);
}

static void set_up(const struct beginning *beginning) {
  const struct request *request = beginning->request;
  const bool is_own = request->namespaces & CLONE_NEWUSER;
  if (is_own || !request->root) wait_for_request(beginning);
  if (is_own) map_user(request, beginning->uid, beginning->gid);
  if (request->namespaces & CLONE_NEWNET) raise_loopback();
  if (request->namespaces & CLONE_NEWUTS) {
    if (sethostname("localhost", 9) < 0 || setdomainname("(none)", 6) < 0) fail("setting", "the host name");
  }
  if (!request->root) return;
  if (is_own) set_up_own_root(request);
  else set_up_root(beginning);
  seal_root();
}

void become_builder(const struct beginning *beginning) {
  const struct request *request = beginning->request;
  if (setsid() < 0) fail("making", "a session");
  set_up(beginning);
  if (chdir(request->directory) < 0) fail("changing directory to", request->directory);
  int null = open("/dev/null", O_RDWR);
  if (null < 0) fail("opening", "/dev/null");
  dup2(null, 0);
  dup2(beginning->log, 1);
  dup2(beginning->log, 2);
  // What is left closes itself: all else was opened so.
  if (null > 2) close(null);
  if (request->personality && personality(request->personality) < 0) fail("setting", "the personality");
  const struct rlimit no_core = {0, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &no_core);
  umask(022);
  become_user(request);
  // Set-id programs of the builder's own making give it nothing.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("setting", "no_new_privs");
  const bool is_on_net = request->root && !(request->namespaces & CLONE_NEWNET);
  if (is_on_net && !refuse_local_sockets()) fail("refusing", "local sockets");
  // The watcher is what ends us; should it be killed itself, that has to do.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  reset_signals();
  execve(request->builder, request->arguments, request->environment);
  char text[32];
  int length = snprintf(text, sizeof text, "exec %d\n", errno);
  if (write(failures, text, length) < 0) _exit(2);
  _exit(1);
}
