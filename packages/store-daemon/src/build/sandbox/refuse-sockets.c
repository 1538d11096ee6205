// Keeps a builder that shares the machine's network from the machine's own sockets. An abstract name belongs to the
// network: whoever meets there could be handed an open file of the output, and write to it once it has been accepted.
//
// Looked at is how a socket is made. Two ways of it hide what kind it is: the old call of 32-bit processors for all that
// concerns sockets, and the queues of io_uring. With those, none is made.
#define _GNU_SOURCE
#include "refuse-sockets.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
/** Skips `count` statements if what was loaded is `value`; unless it is. */
#define IF(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, count, 0)
#define UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))
#define REFUSE_CALL(number) UNLESS(number, 1), REFUSE(ENOSYS)
#define REFUSE_OR_ALLOW REFUSE(EAFNOSUPPORT), RETURN(SECCOMP_RET_ALLOW)
#define REFUSE_SOCKET(number) UNLESS(number, 4), LOAD(args[0]), UNLESS(AF_UNIX, 1), REFUSE_OR_ALLOW
/** One of a pair that keeps datagrams can send to any name. */
#define REFUSE_PAIR(number) \
  UNLESS(number, 6), LOAD(args[1]), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf), IF(SOCK_DGRAM, 1), \
    UNLESS(SOCK_RAW, 1), REFUSE_OR_ALLOW
#define REFUSE_HIDDEN(number) UNLESS(number, 5), LOAD(args[0]), IF(MAKE_SOCKET, 1), UNLESS(MAKE_PAIR, 1), REFUSE_OR_ALLOW

/** The number that all processors have for it. */
#define IO_URING_SETUP 425
/** Of 32-bit processors, and what its first argument can be. */
#define SOCKETCALL 102
#define MAKE_SOCKET 1
#define MAKE_PAIR 8

#if defined __x86_64__
#define OWN AUDIT_ARCH_X86_64
#define OTHER AUDIT_ARCH_I386
#define OTHER_SOCKET 359
#define OTHER_PAIR 360
#elif defined __aarch64__
#define OWN AUDIT_ARCH_AARCH64
#define OTHER AUDIT_ARCH_ARM
#define OTHER_SOCKET 281
#define OTHER_PAIR 288
#endif
/** Where calls of x86_64 with pointers of 32 bits begin. */
#define X32 0x40000000

bool refuse_local_sockets(void) {
#ifdef OWN
  struct sock_filter filter[] = {
    LOAD(arch),
    UNLESS(OWN, 18),
    LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1),
    REFUSE(ENOSYS),
    REFUSE_CALL(IO_URING_SETUP),
    REFUSE_SOCKET(SYS_socket),
    REFUSE_PAIR(SYS_socketpair),
    RETURN(SECCOMP_RET_ALLOW),
    UNLESS(OTHER, 22),
    LOAD(nr),
    REFUSE_CALL(IO_URING_SETUP),
    REFUSE_HIDDEN(SOCKETCALL),
    REFUSE_SOCKET(OTHER_SOCKET),
    REFUSE_PAIR(OTHER_PAIR),
    RETURN(SECCOMP_RET_ALLOW),
    REFUSE(ENOSYS),
  };
  const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
  // A processor whose calls nobody has looked up here.
  return true;
#endif
}
