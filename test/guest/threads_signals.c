// Signals and threads: to one thread, to the process, masks of each thread.
//@ cflags: -pthread
//@ needs: threads futex signals
#include "guest.h"
#include <pthread.h>

static volatile pid_t handled_by;
static volatile int ready, stop;

static void handler(int signo) {
  (void)signo;
  handled_by = SYS_0(SYS_gettid);
}

static void *spinner(void *argument) {
  *(pid_t *)argument = SYS_0(SYS_gettid);
  ready = 1;
  while (!stop)
    __asm__ volatile("");
  return NULL;
}

static void *sleeper(void *argument) {
  *(pid_t *)argument = SYS_0(SYS_gettid);
  ready = 1;
  struct timespec t = {5, 0};
  return (void *)(long)(nanosleep(&t, NULL) ? errno : 0);
}

int main(void) {
  struct sigaction a = {.sa_handler = handler};
  sigaction(SIGUSR1, &a, NULL);
  pthread_t thread;
  pid_t tid;
  pthread_create(&thread, NULL, spinner, &tid);
  while (!ready)
    continue;
  value("pthread_kill of a running thread", -pthread_kill(thread, SIGUSR1));
  while (!handled_by)
    continue;
  yes_no("handled by it", handled_by == tid);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  handled_by = 0;
  kill(getpid(), SIGUSR1);
  while (!handled_by)
    continue;
  yes_no("one for the process goes to the thread that does not block it", handled_by == tid);
  stop = 1;
  pthread_join(thread, NULL);
  ready = 0;
  handled_by = 0;
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  pthread_create(&thread, NULL, sleeper, &tid);
  while (!ready)
    continue;
  struct timespec t = {0, 30000000};
  nanosleep(&t, NULL);
  pthread_kill(thread, SIGUSR1);
  void *result;
  pthread_join(thread, &result);
  yes_no("a sleeping thread is woken with EINTR", (long)result == EINTR && handled_by == tid);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  raise(SIGUSR1);
  sigset_t pending;
  sigpending(&pending);
  value("pending for this thread", sigismember(&pending, SIGUSR1));
  return 0;
}
