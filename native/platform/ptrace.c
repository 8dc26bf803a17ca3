// The tracer of the ptrace platform: one thread that never serves a call. At a caught system call it sends
// the guest thread to the stub's entry, with its registers as the syscall instruction leaves them; all else
// is as without it. Whatever the zygote makes is traced from its first instruction on, and dies with this
// process.
#include "../host/host.h"

#include <elf.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS                                                                                              \
  (PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)
#define STACK_SIZE 65536
#define EFLAGS_TF 0x100

// Of one zygote, and so of one kernel; its thread's from when it has begun.
struct tracer {
  pid_t zygote;
  uint64_t entry; // stub_traced
  sem_t begun;
  int32_t error;
  pid_t tid;
};

// Registers up to rip, and orig_rax before them: those of segments and bases, which a guest can give values that the
// host does not take back, stay as they are.
#define REGISTERS offsetof(struct user_regs_struct, cs)

// Call number -1: the host makes none. False: the thread is gone, or must not go on, since the host would make the
// guest's call.
static bool redirect(const struct tracer *tracer, pid_t tid) {
  struct user_regs_struct regs;
  struct iovec all = {&regs, sizeof regs}, general = {&regs, REGISTERS};
  if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &all)) return false;
  regs.rax = (uint32_t)regs.orig_rax;
  regs.orig_rax = (uint64_t)-1;
  regs.rcx = regs.rip;
  regs.rip = regs.eflags & EFLAGS_TF ? tracer->entry - 1 /* stub_stepped */ : tracer->entry;
  return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &general) == 0;
}

static void on_stop(const struct tracer *tracer, pid_t tid, int status) {
  int event = status >> 16, signo = WSTOPSIG(status);
  // A stop of all threads, which somebody outside has asked for and will end.
  bool whole = event == PTRACE_EVENT_STOP && signo != SIGTRAP;
  // ESRCH from any of these: it was killed meanwhile.
  if (event == PTRACE_EVENT_SECCOMP && !redirect(tracer, tid)) return;
  if (whole)
    ptrace(PTRACE_LISTEN, tid, NULL, NULL);
  else
    ptrace(PTRACE_CONT, tid, NULL, event ? NULL : (void *)(intptr_t)signo);
}

// Its own tracees alone: there may be other tracers in this process.
static bool waited(const struct tracer *tracer, pid_t pid, int flags) {
  int status;
  pid_t tid = waitpid(pid, &status, __WALL | __WNOTHREAD | flags);
  if (tid > 0 && WIFSTOPPED(status)) on_stop(tracer, tid, status);
  return tid > 0 || errno == EINTR;
}

static void *trace(void *argument) {
  struct tracer *tracer = argument;
  const pid_t zygote = tracer->zygote;
  const struct tracer own = {.zygote = zygote, .entry = tracer->entry};
  tracer->tid = gettid();
  if (ptrace(PTRACE_SEIZE, zygote, NULL, OPTIONS)) tracer->error = -errno;
  bool runs = tracer->error == 0;
  sem_post(&tracer->begun);
  // ECHILD: the zygote is gone, with all that it has made. The host tells of the newest threads first: the zygote, for
  // which new programs wait, must not starve behind threads that stop again and again.
  while (runs && waited(&own, -1, 0))
    waited(&own, zygote, WNOHANG);
  return NULL;
}

/* Takes a stub process that has ended from the tracer, so that the zygote can reap it. */
RF_EXPORT void rf_trace_ended(int32_t pid) {
  int status;
  waitpid(pid, &status, __WALL | WNOHANG);
}

/* Starts the tracer, of the zygote and all that it makes; `entry` is stub_traced. The tracer's thread number,
   or a negative errno: EPERM where the host forbids it. It ends when they have. */
RF_EXPORT int32_t rf_trace(int32_t zygote, double entry) {
  struct tracer tracer = {.zygote = zygote, .entry = (uint64_t)entry};
  sem_init(&tracer.begun, 0, 0);
  // It takes no signals: they are the other threads'.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, trace, &tracer);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error) return -error;
  while (sem_wait(&tracer.begun) < 0 && errno == EINTR)
    ;
  sem_destroy(&tracer.begun);
  return tracer.error < 0 ? tracer.error : tracer.tid;
}
