// The receiving end of sd_notify(3).
#include "keeper.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int open_notifications(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int on = 1;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
  if (bind(fd, (struct sockaddr *)&address, length) < 0) return close(fd), -1;
  return fd;
}

/** sd_notify(3): lines KEY=VALUE. The kernel says who sent them. */
bool read_notifications(int fd, uid_t owner) {
  bool ready = false;
  char text[4096], space[CMSG_SPACE(sizeof(struct ucred))];
  for (;;) {
    struct iovec part = {text, sizeof text - 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (length < 0) return ready;
    text[length] = 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_CREDENTIALS) continue;
    struct ucred sender;
    memcpy(&sender, CMSG_DATA(header), sizeof sender);
    if (sender.uid != owner && sender.uid != 0) continue;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
      if (!strcmp(line, "READY=1")) ready = true;
  }
}
