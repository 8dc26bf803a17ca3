// Signals, stops and ends that come while threads wait for private futexes.
//@ needs: futex threads signals fork
//@ cflags: -pthread
//@ args: handler
//@ args: stop
//@ args: stop-timed
//@ args: exit
//@ args: exit-thread
//@ args: kill
//@ args: exec
//@ args: fork
//@ args: state
#include "guest.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

struct shared {
  volatile int tid, ready, done, seen;
  volatile long result;
};
static struct shared *shared;
static int word;
static volatile int handled;

static void on_signal(int signo) {
  (void)signo;
  handled++;
}

static char state_of(int pid, int tid) {
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return '?';
  text[n] = 0;
  const char *end = strrchr(text, ')');
  return end ? end[2] : '?';
}

// A hint alone: it may have slept for something else.
static void await_state(int pid, int tid, char state) {
  for (int i = 0; i < 5000 && state_of(pid, tid) != state; i++)
    usleep(1000);
  usleep(20000);
}

static void *wait_once(void *time) {
  shared->tid = gettid();
  shared->ready = 1;
  shared->result = SYS_6(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, time, 0, 0);
  shared->done = 1;
  return NULL;
}

static void await_waiter(void) {
  while (!shared->ready)
    sched_yield();
  await_state(getpid(), shared->tid, 'S');
}

static void wake_up(void) {
  while (!shared->done) {
    SYS_3(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
    sched_yield();
  }
}

static void with_handler(const char *name, int flags, struct timespec *time) {
  pthread_t thread;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
  sigaction(SIGUSR1, &action, NULL);
  shared->ready = shared->done = handled = 0;
  pthread_create(&thread, NULL, wait_once, time);
  await_waiter();
  pthread_kill(thread, SIGUSR1);
  for (int i = 0; i < 5000 && !handled; i++)
    usleep(1000);
  for (int i = 0; i < 200 && !shared->done; i++)
    usleep(1000);
  say("%s: handled %d, still waits: %s", name, handled, shared->done ? "no" : "yes");
  wake_up();
  pthread_join(thread, NULL);
  value(" the wait", shared->result);
}

// A child process with a thread that waits and the first one, which waits as well, for something else.
static int child(struct timespec *time) {
  int pid = fork();
  if (pid) {
    while (!shared->ready)
      sched_yield();
    return pid;
  }
  pthread_t thread;
  pthread_create(&thread, NULL, wait_once, time);
  pthread_join(thread, NULL);
  while (!shared->seen)
    usleep(1000);
  _exit(shared->result == 0 ? 7 : 8);
}

static void *wait_on(void *argument) {
  for (int ever = 1; ever;)
    SYS_6(SYS_futex, argument, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
  return NULL;
}

static void *end_all(void *argument) {
  (void)argument;
  usleep(50000);
  _exit(5);
}

static void ended(const char *name, int pid) {
  int status;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status))
    say("%s: exit %d", name, WEXITSTATUS(status));
  else
    say("%s: signal %d", name, WTERMSIG(status));
}

static void crowd(void) {
  static int words[20];
  pthread_t thread;
  for (int i = 0; i < 20; i++)
    pthread_create(&thread, NULL, wait_on, &words[i / 2]);
  usleep(50000);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "second") == 0) {
    say("the next program");
    return 3;
  }
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  static struct timespec minute = {60, 0}, brief = {0, 400000000};
  int pid, status;
  pthread_t thread;
  if (strcmp(mode, "handler") == 0) {
    with_handler("restarted", SA_RESTART, NULL);
    with_handler("not restarted", 0, NULL);
    with_handler("a time, restarted", SA_RESTART, &minute);
    with_handler("a time, not restarted", 0, &minute);
  }
  if (strncmp(mode, "stop", 4) == 0) {
    int timed = mode[4] != 0;
    pid = child(timed ? &brief : NULL);
    await_state(pid, shared->tid, 'S');
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    yes_no("stopped", WIFSTOPPED(status));
    say("state %c", state_of(pid, shared->tid));
    if (timed) usleep(450000);
    kill(pid, SIGCONT);
    waitpid(pid, &status, WCONTINUED);
    yes_no("continued", WIFCONTINUED(status));
    shared->seen = 1;
    if (!timed) {
      await_state(pid, shared->tid, 'S');
      say("state %c", state_of(pid, shared->tid));
      kill(pid, SIGTERM);
    }
    ended("the child", pid);
    if (timed) value("its wait", shared->result);
  }
  if (strcmp(mode, "exit") == 0 || strcmp(mode, "exit-thread") == 0 || strcmp(mode, "kill") == 0) {
    if ((pid = fork()) == 0) {
      crowd();
      if (mode[4] == '-') {
        pthread_create(&thread, NULL, end_all, NULL);
        wait_on(&word);
      }
      if (mode[0] == 'e') _exit(4);
      shared->ready = 1;
      wait_on(&word);
    }
    if (mode[0] == 'k') {
      while (!shared->ready)
        usleep(1000);
      usleep(50000);
      kill(pid, SIGKILL);
    }
    ended(mode, pid);
  }
  if (strcmp(mode, "exec") == 0) {
    crowd();
    execl("/proc/self/exe", argv[0], "second", NULL);
  }
  if (strcmp(mode, "fork") == 0) {
    // The copies of threads that wait are no waiters in the child.
    crowd();
    pthread_create(&thread, NULL, wait_once, NULL);
    await_waiter();
    for (int i = 0; i < 5; i++) {
      if ((pid = fork()) == 0) _exit(SYS_3(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 100));
      ended("woken in the child", pid);
    }
    wake_up();
    pthread_join(thread, NULL);
    value("woken in the parent", shared->result);
  }
  if (strcmp(mode, "state") == 0) {
    pthread_create(&thread, NULL, wait_once, NULL);
    await_waiter();
    say("state %c", state_of(getpid(), shared->tid));
    wake_up();
    pthread_join(thread, NULL);
  }
  return 0;
}
