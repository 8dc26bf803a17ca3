// F24: a list that makes a host task, run by hand: the clone is made as expected, and what comes of it never names
// itself. The list is then reported as failed, as done, or not at all. What was made must not go on running. Those that
// the kernel waits for, until they have had their time, are processes side by side.
//@ args: process failed
//@ args: process done silent
//@ args: process dead
//@ args: thread failed done silent
//@ args: storm
//@ args: no-clone done
//@ ends: 0 137
//@ deadline: 60
#include "hostile.h"
#include <sched.h>
#include <sys/wait.h>

enum { FORK_FLAGS = 0x8000 | SIGCHLD, THREAD_FLAGS = 0x250f00, SYSCALL = 1, OPS_DONE = 6, OPS = 3 };

static volatile uint64_t *heartbeat;

static _Noreturn void beat(void) {
  for (;;) {
    ++*heartbeat;
    HOST_0(SYS_sched_yield);
  }
}

static int beats(void) {
  uint64_t before = *heartbeat;
  usleep(300000);
  return *heartbeat != before;
}

// The kernel's list for a fork, or for a thread, in the slot: where its last operation's arguments stand.
static int ask(int thread) {
  static char *stack;
  if (!stack) stack = pages(16); // a call: what is put in the slot comes behind it
  *quad_at(RF_ORIG_RAX) = thread ? SYS_clone : SYS_fork;
  *quad_at(RF_RDI) = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  *quad_at(RF_RSI) = (uint64_t)stack + 16 * PAGE;
  return reply_to(forge(SYSCALL), 100000) == OPS;
}

__attribute__((used)) static char stranger_stack[65536] __attribute__((aligned(64)));

// clone(2) by the stub's instruction, with a stack of the stub's choice for a thread: only the arguments that the list
// has are let go on. The thread begins behind the instruction with `ret`, on the stack that it was given: its slot's.
static long make(int thread) {
  if (!thread) {
    long made = HOST_5(SYS_clone, FORK_FLAGS, 0, 0, 0, 0);
    if (made == 0) beat();
    return made;
  }
  uint64_t slot = *quad_at(RF_OPS + RF_OP_ARGS + 8);
  uint64_t stack = slot + RF_STUB_STACK + RF_STUB_STACK_SIZE;
  // What `ret` will find there.
  extern void on_other_stack(void);
  *(volatile uint64_t *)stack = (uint64_t)on_other_stack;
  return HOST_5(SYS_clone, THREAD_FLAGS, stack, 0, slot + RF_HOST_TASK, 0);
}

__attribute__((used)) static void run_thread(void) {
  beat();
}
__asm__("on_other_stack:\n lea stranger_stack+65536(%rip), %rsp\n and $-16, %rsp\n call run_thread\n");

static void attempt(int thread, int clone, const char *report) {
  if (!ask(thread)) {
    bad("no list", 0);
    return;
  }
  if (clone && make(thread) < 0) say("refused");
  if (strcmp(report, "dead") == 0) HOST_1(SYS_exit_group, 0);
  if (strcmp(report, "silent") == 0)
    for (;;)
      HOST_0(SYS_sched_yield);
  *word_at(RF_REQ_COUNT) = strcmp(report, "done") == 0;
  *quad_at(RF_REQ_VALUE) = strcmp(report, "done") == 0 ? 5 : -EAGAIN;
  reply_to(forge(OPS_DONE), 100000);
}

// Many at once: they must all be found.
static void storm(void) {
  for (int i = 0; i < 200; i++) {
    if (!ask(0)) break;
    make(0);
    *word_at(RF_REQ_COUNT) = 0;
    *quad_at(RF_REQ_VALUE) = -EAGAIN;
    reply_to(forge(OPS_DONE), 100000);
  }
}

// By the first argument what is made, by the second how it is reported.
static void attack(const char *what, const char *report) {
  heartbeat = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (strcmp(what, "storm") == 0)
    storm();
  else
    attempt(strcmp(what, "thread") == 0, strcmp(what, "no-clone") != 0, report);
  for (int i = 0; i < 100 && beats(); i++)
    continue;
  if (beats()) bad("a stranger runs on", 0);
  say("done");
}

int main(int argc, char **argv) {
  if (argc < 2) return 1;
  if (argc < 4) {
    attack(argv[1], argc > 2 ? argv[2] : "");
    return 0;
  }
  for (int i = 2; i < argc; i++)
    if (fork() == 0) attack(argv[1], argv[i]), _exit(0);
  int status;
  while (wait(&status) > 0)
    if (status != 0 && status != SIGKILL) say("BAD: ended with %x", status);
  return 0;
}
