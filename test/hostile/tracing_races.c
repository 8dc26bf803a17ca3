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

// What a tracer may do at random to its own children.
static void requests(int pid) {
  double end = seconds() + FORGE_S;
  while (seconds() < end) {
    for (int i = 0; i < 64; i++)
      *(uint64_t *)(area + next_random() % (sizeof area - 8)) = nasty();
    struct iovec iov = {area, next_random() % sizeof area};
    long data = next_random() % 4 == 0 ? (long)&iov : somewhere();
    long request = any_request();
    if (request == PTRACE_DETACH && next_random() % 8) continue;
    ask(request, pid, somewhere(), data);
    int status;
    if (next_random() % 4 == 0 && waitpid(-1, &status, __WALL | WNOHANG) == pid && !WIFSTOPPED(status))
      return;
    if (next_random() % 16 == 0) ask(PTRACE_SYSCALL, pid, 0, 0);
  }
}

static void trace_at_random(void) {
  for (int round = 0; round < 6; round++) {
    int pid = fork();
    if (pid == 0) {
      if (round & 1) ask(PTRACE_TRACEME, 0, 0, 0), raise(SIGSTOP);
      busy();
    }
    if (round & 1)
      waitpid(pid, NULL, 0);
    else
      ask(round & 2 ? PTRACE_SEIZE : PTRACE_ATTACH, pid, 0, round & 2 ? 0x7f : 0);
    requests(pid);
    kill(pid, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0)
      ;
  }
}

static uint64_t first_slot;

static void *scribble(void *unused) {
  static const uint64_t one = 1;
  for (;;) {
    uint64_t chunk = first_slot & ~(uint64_t)(RF_CHUNK_SIZE - 1);
    uint64_t record = chunk + RF_REQUESTS;
    for (int i = 0; i < 32; i++) {
      uint64_t at = next_random() % 0x200;
      if (at < RF_REPLY || at >= RF_REPLY + 8) *(volatile uint32_t *)(first_slot + (at & ~3ull)) = nasty();
    }
    uint32_t sequence = ((*(volatile uint32_t *)record >> 4) + RF_SEQUENCE_STEP) & RF_SEQUENCE_MASK;
    uint64_t kind = 1 + next_random() % 9;
    __atomic_exchange_n((volatile uint64_t *)record, (uint64_t)SYS_getppid << 32 | sequence << 4 | kind,
                        __ATOMIC_SEQ_CST);
    HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
    usleep(next_random() % 500);
  }
  return unused;
}

static void scribbled(void) {
  for (int round = 0; round < 6; round++) {
    int pid = fork();
    if (pid == 0) {
      find_gadget();
      first_slot = RF_CHUNKS;
      pthread_t thread;
      ask(PTRACE_TRACEME, 0, 0, 0);
      pthread_create(&thread, NULL, scribble, NULL);
      raise(SIGSTOP);
      busy();
    }
    // An alarm ends waits that a tracee keeps from ending.
    int tracer = fork();
    if (tracer == 0) {
      if (ask(PTRACE_SEIZE, pid, 0, 0) < 0) _exit(1);
      alarm(2);
      requests(pid);
      _exit(0);
    }
    waitpid(tracer, NULL, 0);
    kill(pid, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0)
      ;
  }
}

#define RING 6
static void rings(void) {
  volatile int *pids = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  double end = seconds() + FORGE_S;
  while (seconds() < end) {
    for (int i = 0; i < RING; i++) {
      int pid = fork();
      if (pid == 0) {
        random_state += i * 7919 + getpid();
        for (int n = 0; n < 200; n++) {
          int other = pids[next_random() % RING];
          ask(next_random() % 2 ? PTRACE_ATTACH : PTRACE_SEIZE, other, 0, next_random() % 2 ? 0x10007f : 0);
          waitpid(-1, NULL, __WALL | WNOHANG);
          ask(any_request(), other, somewhere(), somewhere());
          ask(PTRACE_CONT, other, 0, 0);
          if (next_random() % 50 == 0) kill(other, next_random() % 2 ? SIGKILL : SIGSTOP);
          if (next_random() % 50 == 0) kill(other, SIGCONT);
        }
        _exit(0);
      }
      pids[i] = pid;
    }
    usleep(50000);
    for (int i = 0; i < RING; i++)
      kill(pids[i], SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0)
      ;
  }
}

int main(int argc, char **argv) {
  random_state = argc > 2 ? atoi(argv[2]) : 1;
  const char *how = argc > 1 ? argv[1] : "requests";
  if (how[0] == 's')
    scribbled();
  else if (how[0] == 'r' && how[1] == 'i')
    rings();
  else
    trace_at_random();
  say("survived");
  return 0;
}
