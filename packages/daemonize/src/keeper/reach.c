// Whether somebody answers where the service is to be ready: asked here and not by the starter, because a connection
// costs microseconds here, and a start that waits takes no time away from the service that it waits for.
#include "loop.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000 };

static int attempt = -1, next;
static long long retry_at, attempt_until;
static bool reached;

/** "/PATH" or "IP PORT". */
static socklen_t read_address(const char *text, struct sockaddr_storage *address) {
  struct sockaddr_un *path = (void *)address;
  struct sockaddr_in *in = (void *)address;
  struct sockaddr_in6 *in6 = (void *)address;
  char ip[INET6_ADDRSTRLEN];
  unsigned short port;
  memset(address, 0, sizeof *address);
  if (*text == '/') {
    path->sun_family = AF_UNIX;
    strncpy(path->sun_path, text, sizeof path->sun_path - 1);
    return sizeof *path;
  }
  if (sscanf(text, "%45s %hu", ip, &port) != 2) return 0;
  if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
    in->sin_family = AF_INET, in->sin_port = htons(port);
    return sizeof *in;
  }
  in6->sin6_family = AF_INET6, in6->sin6_port = htons(port);
  return inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1 ? sizeof *in6 : 0;
}

/**
 * Whether the connection is to somebody. The kernel chooses the port that a connection is made from, and when that is
 * the very port that nobody listens at yet, it connects the socket with itself.
 */
static bool is_answered(int fd) {
  struct sockaddr_storage own = {0}, peer = {0};
  socklen_t own_length = sizeof own, peer_length = sizeof peer;
  getsockname(fd, (struct sockaddr *)&own, &own_length);
  getpeername(fd, (struct sockaddr *)&peer, &peer_length);
  if (own.ss_family == AF_UNIX || memcmp(&own, &peer, sizeof own) != 0) return true;
  // Not to be remembered (TIME_WAIT): the service is to have the port.
  const struct linger reset = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  return false;
}

/** True when it is connected at once; else `attempt` is the connection that is being made, or -1. */
static bool begin(const char *text) {
  struct sockaddr_storage address;
  socklen_t length = read_address(text, &address);
  attempt = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (attempt < 0) return false;
  attempt_until = now_ms() + PATIENCE_MS;
  bool made = connect(attempt, (struct sockaddr *)&address, length) == 0;
  if (!made && errno == EINPROGRESS) return false;
  bool answered = made && is_answered(attempt);
  close(attempt), attempt = -1;
  return answered;
}

static bool finish(int wait_ms) {
  struct pollfd writable = {attempt, POLLOUT, 0};
  int error = 0;
  socklen_t length = sizeof error;
  if (poll(&writable, 1, wait_ms) <= 0 && now_ms() < attempt_until) return false;
  bool made = writable.revents && getsockopt(attempt, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
  bool answered = made && is_answered(attempt);
  close(attempt), attempt = -1;
  return answered;
}

bool is_occupied(void) {
  for (int i = 0; i < spec.reach_count; i++)
    if (begin(spec.reach[i]) || (attempt >= 0 && finish(PATIENCE_MS))) return true;
  return false;
}

bool look_reached(void) {
  if (reached || ready || spec.reach_count == 0 || !service.pid || failures >= 0) return false;
  if (attempt >= 0) {
    if ((reached = finish(0)) || attempt >= 0) return reached;
  } else if (now_ms() >= retry_at) {
    if ((reached = begin(spec.reach[next++ % spec.reach_count])) || attempt >= 0) return reached;
  } else {
    return false;
  }
  // Often at first, when most services become ready; rarely for one that takes its time.
  long long waited = now_ms() - started_at;
  retry_at = now_ms() + (waited < 1000 ? 1 : waited < 10000 ? 20 : 100);
  return false;
}

int reach_descriptor(void) {
  return attempt;
}

long long reach_due(void) {
  if (reached || ready || spec.reach_count == 0 || !service.pid || failures >= 0) return 0;
  return attempt >= 0 ? attempt_until : retry_at ? retry_at : now_ms();
}

/**
 * A program that goes into the background listens at first in the process that then forks and ends. It is not one that
 * has threads, for they do not outlive a fork, nor one that waits for something to do and has started nobody to do it.
 */
bool is_staying(pid_t pid) {
  char path[64], text[2048];
  const char *threads = read_stat(pid, 20, text, sizeof text);
  if (!threads) return false;
  if (atoi(threads) > 1) return true;
  const char *state = read_stat(pid, 3, text, sizeof text);
  if (!state || *state != 'S') return false;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool has_none = read(fd, text, 1) == 0;
  close(fd);
  return has_none;
}

bool is_runnable(pid_t pid) {
  char text[2048];
  const char *state = read_stat(pid, 3, text, sizeof text);
  return state && *state == 'R';
}

long long run_time(pid_t pid) {
  char path[64], text[64] = "";
  snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  return length > 0 ? atoll(text) : -1;
}
