// Lines to the journal by its native protocol (systemd.io, JOURNAL_NATIVE_PROTOCOL): a datagram of fields, or for what
// is too long for one, a sealed memfd whose descriptor is sent instead.
#include "keeper.h"
#include <errno.h>
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int journal = -1;

int journal_descriptor(void) {
  return journal;
}

static bool connect_journal(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (journal >= 0 && connect(journal, (struct sockaddr *)&address, sizeof address) < 0) close(journal), journal = -1;
  return journal >= 0;
}

/** The descriptor that stands for the fields; the journal takes none that could still change. */
static ssize_t send_sealed(const struct iovec *fields, int count) {
  int fd = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  union { struct cmsghdr header; char space[CMSG_SPACE(sizeof fd)]; } control = {0};
  struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control};
  control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  ssize_t sent = writev(fd, fields, count);
  if (sent >= 0) sent = fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  if (sent >= 0) sent = sendmsg(journal, &message, MSG_NOSIGNAL);
  int error = errno;
  close(fd);
  errno = error;
  return sent;
}

bool send_to_journal(const struct specification *spec, pid_t service, const char *text, size_t length) {
  char head[512];
  // Of the service, whose output it is: the journal adds what it knows of that process (OBJECT_COMM and so on).
  char object[32] = "";
  if (service > 0) snprintf(object, sizeof object, "OBJECT_PID=%d\n", service);
  int n = snprintf(head, sizeof head, "PRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=%s\n%sMESSAGE\n", spec->tag, object);
  uint64_t size = htole64(length);
  struct iovec fields[] = {{head, n}, {&size, sizeof size}, {(char *)text, length}, {"\n", 1}};
  struct msghdr message = {.msg_iov = fields, .msg_iovlen = 4};
  for (int attempt = 0; attempt < 2; attempt++) {
    // Without a journal there is nobody to tell: what is said is not kept for one that may never come.
    if (journal < 0 && !connect_journal(spec->journal)) return true;
    ssize_t sent = sendmsg(journal, &message, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EMSGSIZE || errno == ENOBUFS)) sent = send_sealed(fields, 4);
    if (sent >= 0) return true;
    if (errno == EAGAIN) return false;
    // The journal was started anew: its socket is another one now.
    close(journal);
    journal = -1;
  }
  return true;
}
