// What a builder of a test can do that a shell alone cannot: a static program, so that it needs nothing but itself.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int is(const char *a, const char *b) { return strcmp(a, b) == 0; }

static int print_zeros(long long bytes) {
  static char block[1 << 16];
  memset(block, 'z', sizeof block);
  while (bytes > 0) {
    ssize_t count = write(1, block, bytes < (long long)sizeof block ? bytes : (long long)sizeof block);
    if (count < 0) return 1;
    bytes -= count;
  }
  return 0;
}

static int make_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

/** Several generations away, in a session of its own, deaf to all that can be ignored. */
static int become_daemon(void) {
  if (fork() > 0) return 0;
  setsid();
  if (fork() > 0) _exit(0);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
  for (;;) pause();
}

/** Opens a file for whoever listens at an abstract name, with a call of 64 bits or of 32, or one of a pair. */
static int lend(const char *how, const char *name, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  const socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
  int pair[2] = {-1, -1}, file = open(path, O_RDWR);
  if (is(how, "pair") && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0) return -1;
  if (is(how, "socket")) pair[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
#ifdef __x86_64__
  if (is(how, "old")) {
    long made;
    __asm__ volatile("int $0x80" : "=a"(made) : "a"(359), "b"(AF_UNIX), "c"(SOCK_DGRAM), "d"(0) : "memory");
    pair[0] = made;
  }
#endif
  char byte = 0, control[CMSG_SPACE(sizeof file)] = {0};
  struct iovec bytes = {&byte, 1};
  struct msghdr message = {.msg_name = &address, .msg_namelen = length, .msg_iov = &bytes, .msg_iovlen = 1,
                           .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof file);
  memcpy(CMSG_DATA(head), &file, sizeof file);
  return sendmsg(pair[0], &message, 0) < 0 ? -1 : 0;
}

/** Takes a file at an abstract name; when a line comes in, writes over it. */
static int borrow(const char *name, const char *text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0), file = -1;
  if (bind(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)) < 0) return -1;
  printf("here\n"), fflush(stdout), getchar();
  char byte, control[CMSG_SPACE(sizeof file)];
  struct iovec bytes = {&byte, 1};
  struct msghdr message = {
    .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(fd, &message, MSG_DONTWAIT) < 0 || !CMSG_FIRSTHDR(&message)) return 0;
  memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof file);
  return pwrite(file, text, strlen(text), 0) < 0 ? -1 : 0;
}

int main(int argc, char **argv) {
  if (argc < 2) return 64;
  const char *what = argv[1], *path = argc > 2 ? argv[2] : "", *more = argc > 3 ? argv[3] : "";
  int status = 64;
  if (is(what, "chmod")) status = chmod(more, strtol(path, NULL, 8));
  else if (is(what, "chown")) status = chown(more, atoi(path), atoi(path));
  else if (is(what, "mkdir")) status = mkdir(path, 0755);
  else if (is(what, "rm")) status = unlink(path);
  else if (is(what, "ln")) status = symlink(path, more);
  else if (is(what, "link")) status = link(path, more);
  else if (is(what, "mkfifo")) status = mkfifo(path, 0644);
  else if (is(what, "mknod")) status = mknod(path, S_IFCHR | 0666, 1 << 8 | 3);
  else if (is(what, "socket")) status = make_socket(path);
  else if (is(what, "print")) status = print_zeros(atoll(path));
  else if (is(what, "daemon")) status = become_daemon();
  else if (is(what, "sleep")) pause();
  else if (is(what, "setuid")) status = setuid(0);
  else if (is(what, "lend")) status = lend(path, more, argc > 4 ? argv[4] : "");
  else if (is(what, "streams"))
    status = socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0, 0}) < 0 || socket(AF_INET, SOCK_STREAM, 0) < 0;
  else if (is(what, "borrow")) status = borrow(path, more);
  if (status != 0) perror(what);
  return status != 0;
}
