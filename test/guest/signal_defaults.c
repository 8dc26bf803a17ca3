// What signals do without a handler: end the process with their number, or nothing.
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 6
//@ args: 8
//@ args: 9
//@ args: 11
//@ args: 13
//@ args: 14
//@ args: 15
//@ args: 16
//@ args: 17
//@ args: 18
//@ args: 23
//@ args: 24
//@ args: 28
//@ args: 29
//@ args: 31

//@ args: 11 blocked
//@ args: 9 blocked
//@ args: 15 ignored
//@ args: 15 abort
//@ needs: signals
#include "guest.h"
#include <sys/resource.h>

int main(int argc, char **argv) {
  int signo = atoi(argv[1]);
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  if (argc > 2 && argv[2][0] == 'b') {
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
  }
  if (argc > 2 && argv[2][0] == 'i') signal(signo, SIG_IGN);
  if (argc > 2 && argv[2][0] == 'a') abort();
  say("sending %d", signo);
  value("kill", SYS_2(SYS_kill, SYS_0(SYS_getpid), signo));
  say("still here");
  if (argc > 2 && signo == SIGSEGV) *(volatile int *)8 = 1; // blocked, but a fault is not to be put off
  return 5;
}
