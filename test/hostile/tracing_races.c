// Tracers and tracees that mean no good: random requests with random registers and memory; a tracee whose other threads write
// over its slot and forge what its stub would post while it stands; processes that trace each other in a ring, and are killed
// and end at any time. Whatever becomes of them, the sandbox goes on, and nothing is left.
//@ args: requests 1
//@ args: requests 2
//@ args: scribbled 3
//@ args: rings 4
//@ ends: any
//@ deadline: 20
//@ cflags: -pthread
#include "hostile.h"
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define REQUESTS 0x21
static char area[1 << 16];

static long ask(long request, long pid, long address, long data) {
  return SYS_4(SYS_ptrace, request, pid, address, data);
}

static long any_request(void) {
  uint64_t n = next_random() % 3;
  return n == 0   ? (long)(next_random() % REQUESTS)
         : n == 1 ? (long)(0x4200 + next_random() % 20)
                  : (long)nasty();
}

static long somewhere(void) {
  uint64_t n = next_random() % 4;
  return n == 0   ? (long)nasty()
         : n == 1 ? (long)(next_random() % 1000)
                  : (long)area + (long)(next_random() % 40000);
}

static void busy(void) {
  for (;;) {
    SYS_0(SYS_getppid);
    SYS_3(SYS_write, -1, area, 10);
    int pid = fork();
    if (pid == 0) _exit(1);
    waitpid(pid, NULL, 0);
  }
}

// What a tracer may do at random to its child.
static void requests(int pid, double time) {
  double end = seconds() + time;
  while (seconds() < end) {
    for (int i = 0; i < 16; i++)
      *(uint64_t *)(area + next_random() % (sizeof area - 8)) = nasty();
    struct iovec iov = {area, next_random() % sizeof area};
    long data = next_random() % 4 == 0 ? (long)&iov : somewhere();
    long request = any_request();
    if ((request == PTRACE_DETACH || request == PTRACE_KILL) && next_random() % 200) continue;
    ask(request, pid, somewhere(), data);
    int status;
    if (next_random() % 4 == 0 && waitpid(-1, &status, __WALL | WNOHANG) == pid && !WIFSTOPPED(status))
      return;
    if (next_random() % 8 == 0) ask(next_random() % 2 ? PTRACE_SYSCALL : PTRACE_SINGLESTEP, pid, 0, 0);
    if (next_random() % 64 == 0) ask(PTRACE_INTERRUPT, pid, 0, 0);
    if (next_random() % 64 == 0) kill(pid, next_random() % 2 ? SIGSTOP : SIGCONT);
  }
}

static void trace_at_random(int round) {
  int pid = fork();
  if (pid == 0) {
    if (round & 1) ask(PTRACE_TRACEME, 0, 0, 0), raise(SIGSTOP);
    busy();
  }
  if (round & 1)
    waitpid(pid, NULL, 0);
  else
    ask(round & 2 ? PTRACE_SEIZE : PTRACE_ATTACH, pid, 0, round & 2 ? 0x7f : 0);
  requests(pid, FORGE_S / 4);
}

static void *scribble(void *unused) {
  static const uint64_t one = 1;
  for (;;) {
    for (int i = 0; i < 32; i++) {
      uint64_t at = next_random() % 0x200;
      if (at < RF_REPLY || at >= RF_REPLY + 8) *word_at(at & ~3ul) = nasty();
    }
    uint64_t request = (uint64_t)SYS_getppid << 32 | next_sequence() << 4 | (1 + next_random() % 9);
    __atomic_exchange_n(quad_at(RF_REQUESTS), request, __ATOMIC_SEQ_CST);
    HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
    usleep(next_random() % 500);
  }
  return unused;
}

static void scribbled(int round) {
  int pid = fork();
  if (pid == 0) {
    find_gadget();
    pthread_t thread;
    if (round & 1) ask(PTRACE_TRACEME, 0, 0, 0);
    pthread_create(&thread, NULL, scribble, NULL);
    busy();
  }
  ask(PTRACE_SEIZE, pid, 0, 0);
  requests(pid, FORGE_S / 4);
}

#define RING 6
static void rings(int round) {
  volatile int *pids = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < RING; i++) {
    int pid = fork();
    if (pid == 0) {
      random_state += i * 7919 + round;
      for (int n = 0; n < 500; n++) {
        int other = pids[next_random() % RING];
        ask(next_random() % 2 ? PTRACE_ATTACH : PTRACE_SEIZE, other, 0, next_random() % 2 ? 0x10007f : 0);
        waitpid(-1, NULL, __WALL | WNOHANG);
        ask(any_request(), other, somewhere(), somewhere());
        ask(PTRACE_CONT, other, 0, 0);
        if (other > 0 && next_random() % 100 == 0) kill(other, next_random() % 2 ? SIGKILL : SIGSTOP);
        if (other > 0 && next_random() % 50 == 0) kill(other, SIGCONT);
      }
      _exit(0);
    }
    pids[i] = pid;
  }
  usleep(300000);
}

// In a PID namespace of its own, with whose end all of it ends. A tracee can keep its tracer waiting: not for ever.
static void apart(void (*act)(int), int round) {
  int keeper = fork();
  if (keeper == 0) {
    if (unshare(CLONE_NEWPID)) _exit(1);
    int init = fork();
    if (init == 0) {
      random_state += round * 104729;
      act(round);
      _exit(0);
    }
    usleep((useconds_t)(FORGE_S / 2 * 1e6));
    kill(init, SIGKILL);
    waitpid(init, NULL, 0);
    _exit(0);
  }
  waitpid(keeper, NULL, 0);
}

int main(int argc, char **argv) {
  random_state = argc > 2 ? atoi(argv[2]) : 1;
  const char *how = argc > 1 ? argv[1] : "requests";
  for (int round = 0; round < 4; round++)
    apart(how[0] == 's' ? scribbled : how[1] == 'i' ? rings : trace_at_random, round);
  say("survived");
  return 0;
}
