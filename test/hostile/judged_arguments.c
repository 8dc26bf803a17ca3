// A filter looks at the arguments of a call, and another thread changes them in the slot before they are served: what was
// judged is what is done, by whichever kernel thread.
//@ args: socket
//@ args: option
//@ ends: 0
//@ deadline: 30
//@ cflags: -pthread
#include "hostile.h"
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SECONDS 3.0

// A call may be made where its argument is that.
static void allow(int nr, int argument, int allowed) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * argument),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXFULL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {COUNT(filter), filter};
  SYS_5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (SYS_3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) bad("no filter", 0);
}

static volatile int stop, armed, idle;
static unsigned long at;
static int values[2];

static void *changes(void *unused) {
  for (unsigned i = 0; !stop; i++) {
    idle = !armed;
    if (armed) *quad_at(at) = values[i / 16 % 2];
    for (volatile int k = 0; k < 100; k++)
      ;
  }
  return unused;
}

// A call whose argument in the slot is changed all the while.
static long disturbed(long nr, long a, long b, long c, long d, long e) {
  idle = 0;
  armed = 1;
  while (idle) // what it saw before
    ;
  long result = SYS_5(nr, a, b, c, d, e);
  armed = 0;
  while (!idle)
    ;
  return result;
}

int main(int argc, char **argv) {
  int is_option = argc > 1 && !strcmp(argv[1], "option");
  int allowed = is_option ? SO_PASSCRED : AF_UNIX, refused = is_option ? SO_PRIORITY : AF_INET;
  int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK), one = 1, passed = 0;
  socklen_t length = sizeof one;
  pthread_t thread;
  values[0] = allowed;
  values[1] = refused;
  at = is_option ? RF_RDX : RF_RDI;
  if (is_option)
    allow(SYS_setsockopt, 2, allowed);
  else
    allow(SYS_socket, 0, allowed);
  pthread_create(&thread, NULL, changes, NULL);
  for (double end = seconds() + SECONDS; seconds() < end;) {
    int got = 0;
    if (is_option) {
      passed += disturbed(SYS_setsockopt, netlink, SOL_SOCKET, allowed, (long)&one, sizeof one) == 0;
      continue;
    }
    long fd = disturbed(SYS_socket, allowed, SOCK_DGRAM, 0, 0, 0);
    if (fd < 0) continue;
    passed++;
    SYS_5(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &got, &length);
    if (got == AF_INET) bad("a socket that is refused", got);
    close(fd);
    if (got == AF_INET) break;
  }
  stop = 1;
  pthread_join(thread, NULL);
  if (is_option) {
    SYS_5(SYS_getsockopt, netlink, SOL_SOCKET, SO_PRIORITY, &one, &length);
    if (one == 1) bad("an option that is refused", one);
  }
  if (passed == 0) bad("none was let through", 0);
  say("done");
  return 0;
}
