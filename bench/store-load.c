// Asks a store daemon the same kind of question over and over, on many connections at once, as fast as it answers.
//   store-load SOCKET CONNECTIONS FILE
// FILE holds requests, each: u32 bytes of the request, u32 bytes of the reply, the request. Every connection takes
// the next one. Prints the seconds that all of them took together.
//   store-load SOCKET COUNT greet
// Connects and greets, one after the other.
//   store-load SOCKET BYTES echo
// Listens there, greets as a daemon does, and answers each message with so many bytes: what a round trip costs without
// anything done for it. Until it is killed.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char *data, *at, *end;

struct peer {
  int fd;
  uint32_t left, first;
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void read_all(int fd, void *buffer, size_t count) {
  for (char *p = buffer; count > 0;) {
    ssize_t n = read(fd, p, count);
    if (n <= 0) die("read");
    p += n, count -= (size_t)n;
  }
}

static int greet(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  uint64_t hello[4] = {0x6e697863, 0x163, 0, 1}, reply[3];
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) die(path);
  if (write(fd, hello, 8) != 8) die("write");
  read_all(fd, reply, 16);
  if (write(fd, hello + 1, 24) != 24) die("write");
  read_all(fd, reply, 8);
  return fd;
}

static int send_next(struct peer *peer) {
  uint32_t size[2];
  if (at >= end) return 0;
  memcpy(size, at, 8);
  if (write(peer->fd, at + 8, size[0]) != (ssize_t)size[0]) die("write");
  at += 8 + size[0];
  peer->left = size[1];
  peer->first = 1;
  return 1;
}

static int greet_only(const char *path, int count) {
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < count; i++) close(greet(path));
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%f\n", (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
  return 0;
}

static int serve_echo(const char *path, size_t size) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  static char request[1 << 16], reply[1 << 16] = "stla";
  int server = socket(AF_UNIX, SOCK_STREAM, 0), epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = server};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 64) < 0) die(path);
  epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event);
  for (;;) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == server) {
        event.data.fd = accept(server, NULL, NULL);
        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      ssize_t n = read(fd, request, sizeof request);
      // The greeting: 8 bytes for 16, then 24 for 8.
      size_t answer = n == 8 ? 16 : n == 24 ? 8 : size;
      if (n <= 0 || write(fd, reply, answer) != (ssize_t)answer) close(fd);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 64;
  if (strcmp(argv[3], "echo") == 0) return serve_echo(argv[1], (size_t)atoi(argv[2]));
  if (strcmp(argv[3], "greet") == 0) return greet_only(argv[1], atoi(argv[2]));
  int count = atoi(argv[2]), file = open(argv[3], O_RDONLY), epoll = epoll_create1(0), active = 0;
  struct stat stat;
  struct timespec from, to;
  struct peer *peers = calloc((size_t)count, sizeof *peers);
  if (file < 0 || fstat(file, &stat) < 0) die(argv[3]);
  at = data = malloc((size_t)stat.st_size);
  read_all(file, data, (size_t)stat.st_size);
  end = data + stat.st_size;
  for (int i = 0; i < count; i++) {
    peers[i].fd = greet(argv[1]);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, peers[i].fd, &event);
  }
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < count; i++) active += send_next(&peers[i]);
  while (active > 0) {
    struct epoll_event events[64];
    static char buffer[1 << 20];
    int ready = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < ready; i++) {
      struct peer *peer = events[i].data.ptr;
      ssize_t n = read(peer->fd, buffer, sizeof buffer);
      if (n <= 0) die("read");
      if (peer->first && memcmp(buffer, "stla", 4) != 0) {
        fprintf(stderr, "the daemon refused: %.*s\n", (int)n, buffer + 16);
        return 1;
      }
      peer->first = 0;
      peer->left -= (uint32_t)n;
      if (peer->left == 0 && !send_next(peer)) active--;
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%f\n", (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}
