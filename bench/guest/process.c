// Processes and threads that are made and end, signals, and round trips between two. Without arguments it
// does nothing: that is the static program which it executes itself.
#include <spawn.h>
#include <sys/mman.h>

#include "round_trips.h"

#define TOUCHED (50l * 1000 * 1000)

static char *self;
static char *touched;

static void wait_for(pid_t child) {
  int status;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void loop_fork(long count) {
  while (count--) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    wait_for(child);
  }
}

static void begin_touched(void) {
  touched = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(touched != MAP_FAILED);
  madvise(touched, TOUCHED, MADV_NOHUGEPAGE);
  memset(touched, 1, TOUCHED);
}

static void end_touched(void) {
  CHECK(munmap(touched, TOUCHED) == 0);
}

static void loop_fork_exec(long count) {
  char *arguments[] = {self, NULL}, *environment[] = {NULL};
  while (count--) {
    pid_t child = fork();
    if (child == 0) {
      execve(self, arguments, environment);
      _exit(127);
    }
    wait_for(child);
  }
}

static void loop_spawn(long count) {
  char *arguments[] = {self, NULL}, *environment[] = {NULL};
  while (count--) {
    pid_t child;
    CHECK(posix_spawn(&child, self, NULL, NULL, arguments, environment) == 0);
    wait_for(child);
  }
}

static void *nothing(void *none) {
  return none;
}

static void loop_thread(long count) {
  while (count--) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
  }
}

static volatile sig_atomic_t handled;

static void handle(int signal) {
  handled = signal;
}

static void begin_handler(void) {
  CHECK(signal(SIGUSR1, handle) != SIG_ERR);
}
static void end_handler(void) {
  signal(SIGUSR1, SIG_DFL);
}

static void loop_handler(long count) {
  pid_t pid = getpid();
  while (count--) {
    handled = 0;
    CHECK(kill(pid, SIGUSR1) == 0 && handled == SIGUSR1);
  }
}

static const struct subject subjects[] = {
    {"fork", loop_fork, NULL, NULL},
    {"fork_50mb", loop_fork, begin_touched, end_touched},
    {"fork_exec", loop_fork_exec, NULL, NULL},
    {"spawn", loop_spawn, NULL, NULL},
    {"thread", loop_thread, NULL, NULL},
    {"signal_handler", loop_handler, begin_handler, end_handler},
    {"trip_unix", loop_processes, begin_unix, end_processes},
    {"trip_pipe", loop_processes, begin_pipes, end_processes},
    {"trip_unix_epoll", loop_processes, begin_unix_epoll, end_processes},
    {"trip_futex", loop_threads, begin_threads, end_threads},
    {"trip_signal", loop_signals, begin_signals, end_signals},
};

int main(int argc, char **argv) {
  if (argc == 1) return 0;
  self = argv[0];
  return BENCH_MAIN(subjects);
}
