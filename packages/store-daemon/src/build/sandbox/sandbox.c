// Makes the processes of builds for the daemon, which is too large to fork, and passes on what they print.
//
// Standard input and output speak frames: three 32-bit numbers, little endian - KIND, ID of the build, LENGTH - and
// LENGTH bytes.
//   in    1 request (see request.c)     2 kill    3 credit: 4 bytes, so much more log may be sent
//         4 done: what the build had is removed   5 keep: it is not
//   out   1 started: 4 bytes, the pid   2 log     3 ended: `exit N`, `signal N`, `exec N`, `failed …`
//         4 gone: nothing of it is left, after done or keep
// The end of standard input is the end of the daemon, and of every build.
// `sandbox --once` takes one request on standard input, runs it with its log on standard output, and exits as it does.
#define _GNU_SOURCE
#include "request.h"
#include "warden.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST = 1, KILL, CREDIT, DONE, KEEP };
enum { STARTED = 1, LOG, ENDED, GONE };
// 3 says by its being open that builds may still run: it is inherited, and closed by nothing but exec and exit.
enum { LIFETIME_FD = 3, LOG_FD, REPORT_FD, LIFELINE_FD, FIRST_OTHER_FD };

#define MAX_BUILDS 256
#define MAX_REQUEST (64u << 20)
#define WINDOW (1 << 20)

struct build {
  uint32_t id;
  pid_t warden;
  int log, report, lifeline;
  int64_t credit;
  char words[8192];
  size_t length;
  bool ended;
};

static struct build builds[MAX_BUILDS];
static size_t build_count;

static bool read_all(void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = read(0, (char *)bytes + done, length - done);
    if (count == 0 || (count < 0 && errno != EINTR)) return false;
    if (count > 0) done += count;
  }
  return true;
}

/** Builds end with us, so there is nothing to do about a daemon that has gone. */
static void write_all(const void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = write(1, (const char *)bytes + done, length - done);
    if (count < 0 && errno != EINTR) _exit(0);
    if (count > 0) done += count;
  }
}

static void send_frame(uint32_t kind, uint32_t id, const void *bytes, uint32_t length) {
  uint32_t head[] = {kind, id, length};
  write_all(head, sizeof head);
  write_all(bytes, length);
}

/** LIFETIME_FD stays as it is. */
static _Noreturn void run_warden(char *bytes, size_t length, int log, int report, int lifeline) {
  struct request request;
  // Out of the way first: each may have one of the numbers that another one gets.
  log = fcntl(log, F_DUPFD_CLOEXEC, 100), report = fcntl(report, F_DUPFD_CLOEXEC, 100);
  lifeline = fcntl(lifeline, F_DUPFD_CLOEXEC, 100);
  dup3(log, LOG_FD, O_CLOEXEC), dup3(report, REPORT_FD, O_CLOEXEC), dup3(lifeline, LIFELINE_FD, O_CLOEXEC);
  // Another build's lifeline must not be held open by us.
  close_range(FIRST_OTHER_FD, ~0U, 0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, 0), dup2(null, 1);
  if (parse_request(bytes, length, &request)) watch_build(&request, LOG_FD, REPORT_FD, LIFELINE_FD);
  else if (write(REPORT_FD, "failed reading the request\n", 27) < 0) _exit(1);
  _exit(0);
}

static void start_build(uint32_t id, char *bytes, size_t length) {
  int log[2] = {-1, -1}, report[2] = {-1, -1}, lifeline[2] = {-1, -1};
  pid_t pid = -1;
  bool made = build_count < MAX_BUILDS && pipe2(log, O_CLOEXEC) == 0 && pipe2(report, O_CLOEXEC) == 0 &&
              pipe2(lifeline, O_CLOEXEC) == 0 && (pid = fork()) >= 0;
  if (pid == 0) run_warden(bytes, length, log[1], report[1], lifeline[0]);
  close(log[1]), close(report[1]), close(lifeline[0]);
  if (!made) {
    char text[256];
    int size = snprintf(text, sizeof text, "failed making a process: %s", strerror(errno));
    close(log[0]), close(report[0]), close(lifeline[1]);
    send_frame(ENDED, id, text, size);
    return send_frame(GONE, id, NULL, 0);
  }
  struct build *build = &builds[build_count++];
  *build = (struct build){
    .id = id, .warden = pid, .log = log[0], .report = report[0], .lifeline = lifeline[1], .credit = WINDOW};
}

static struct build *find(uint32_t id) {
  for (size_t i = 0; i < build_count; i++)
    if (builds[i].id == id) return &builds[i];
  return NULL;
}

static void say_on_lifeline(struct build *build, char word, bool is_last) {
  if (build->lifeline < 0) return;
  // It may have gone already, and then there is nothing to tell it.
  if (word && write(build->lifeline, &word, 1) < 0) is_last = true;
  if (is_last) close(build->lifeline), build->lifeline = -1;
}

static void take_frame(void) {
  uint32_t head[3];
  if (!read_all(head, sizeof head) || head[2] > MAX_REQUEST) _exit(0);
  char *bytes = malloc(head[2] + 1);
  if (!bytes || !read_all(bytes, head[2])) _exit(0);
  struct build *build = find(head[1]);
  if (head[0] == REQUEST) start_build(head[1], bytes, head[2]);
  else if (head[0] == KILL && build) say_on_lifeline(build, KILL_BUILD, false);
  else if (head[0] == DONE && build) say_on_lifeline(build, 0, true);
  else if (head[0] == KEEP && build) say_on_lifeline(build, LEAVE_ALL, true);
  else if (head[0] == CREDIT && build && head[2] == 4) build->credit += *(uint32_t *)(void *)bytes;
  free(bytes);
}

static void pass_log(struct build *build) {
  static char bytes[1 << 16];
  size_t room = build->credit < (int64_t)sizeof bytes ? (size_t)build->credit : sizeof bytes;
  ssize_t count = read(build->log, bytes, room);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) {
    close(build->log);
    build->log = -1;
    return;
  }
  build->credit -= count;
  send_frame(LOG, build->id, bytes, count);
}

static void take_report(struct build *build) {
  ssize_t count = read(build->report, build->words + build->length, sizeof build->words - build->length);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) {
    close(build->report);
    build->report = -1;
    return;
  }
  build->length += count;
  char *end = memchr(build->words, '\n', build->length);
  if (!end || strncmp(build->words, "started ", 8) != 0) return;
  uint32_t pid = strtoul(build->words + 8, NULL, 10);
  send_frame(STARTED, build->id, &pid, sizeof pid);
  build->length -= end + 1 - build->words;
  memmove(build->words, end + 1, build->length);
}

/** Once the log has been passed on to its end, and the warden has said how it went, or has gone. */
static void end_build(struct build *build) {
  const char *lost = "failed the process that watches over it has died";
  bool is_told = build->length > 0 && build->words[build->length - 1] == '\n';
  if (build->ended || build->log >= 0 || (build->report >= 0 && !is_told)) return;
  build->ended = true;
  if (is_told) send_frame(ENDED, build->id, build->words, build->length - 1);
  else send_frame(ENDED, build->id, lost, strlen(lost));
}

static void forget_build(size_t index) {
  struct build *build = &builds[index];
  while (waitpid(build->warden, NULL, 0) < 0 && errno == EINTR) {
  }
  if (build->lifeline >= 0) close(build->lifeline);
  send_frame(GONE, build->id, NULL, 0);
  builds[index] = builds[--build_count];
}

static void serve(void) {
  for (;;) {
    struct pollfd watched[1 + 2 * MAX_BUILDS] = {{.fd = 0, .events = POLLIN}};
    for (size_t i = 0; i < build_count; i++) {
      watched[1 + 2 * i] = (struct pollfd){.fd = builds[i].credit > 0 ? builds[i].log : -1, .events = POLLIN};
      watched[2 + 2 * i] = (struct pollfd){.fd = builds[i].report, .events = POLLIN};
    }
    size_t count = build_count;
    if (poll(watched, 1 + 2 * count, -1) < 0) continue;
    for (size_t i = count; i-- > 0;) {
      if (watched[2 + 2 * i].revents) take_report(&builds[i]);
      if (watched[1 + 2 * i].revents) pass_log(&builds[i]);
      end_build(&builds[i]);
      if (builds[i].ended && builds[i].report < 0) forget_build(i);
    }
    if (watched[0].revents) take_frame();
  }
}

static int run_once(void) {
  static char bytes[1 << 20];
  size_t length = 0;
  for (ssize_t count; (count = read(0, bytes + length, sizeof bytes - length)) > 0;) length += count;
  struct request request;
  int report[2];
  if (!parse_request(bytes, length, &request) || pipe2(report, O_CLOEXEC) < 0) return 64;
  watch_build(&request, fcntl(1, F_DUPFD_CLOEXEC, 3), report[1], -1);
  close(report[1]);
  char words[8192];
  ssize_t count = read(report[0], words, sizeof words - 1);
  words[count < 0 ? 0 : count] = 0;
  const char *end = strchr(words, '\n');
  int status;
  if (end && sscanf(end + 1, "exit %d", &status) == 1) return status;
  fprintf(stderr, "sandbox: %s", words);
  return 1;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--once") == 0) return run_once();
  fcntl(LIFETIME_FD, F_SETFD, FD_CLOEXEC);
  // The daemon is what decides; a Ctrl-C on its terminal is not for us.
  for (const int *number = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGPIPE, 0}; *number; number++)
    signal(*number, SIG_IGN);
  serve();
}
