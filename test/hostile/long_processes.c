// Ends of processes, signals, timers, waits and memory at their limits: none may hold the kernel thread.
//@ args-once: timers
//@ args: signals
//@ args: mappings
//@ args: futexes
//@ args: processes
//@ args: threads
//@ cflags: -Wno-unused-result
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static void timers(void) {
  struct rlimit limit = {200000, 200000};
  setrlimit(RLIMIT_SIGPENDING, &limit);
  signal(SIGUSR1, SIG_IGN);
  sigset_t all;
  sigfillset(&all);
  for (int how = 0; how < 3; how++) {
    if (fork() == 0) {
      sigprocmask(SIG_BLOCK, &all, NULL);
      struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = how == 1 ? SIGUSR1 : SIGRTMIN};
      struct itimerspec at = {.it_value = {0, 1}, .it_interval = {0, how == 2}};
      for (int i = 0; i < 20000; i++) {
        int id;
        if (SYS_3(SYS_timer_create, CLOCK_MONOTONIC, &event, &id)) break;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        at.it_value.tv_sec = how == 0 ? now.tv_sec + 2 : 1;
        SYS_4(SYS_timer_settime, id, how == 0, &at, 0);
      }
      sleep(how == 0 ? 2 : 1);
      _exit(0);
    }
    wait(NULL);
  }
  if (fork() == 0) {
    struct itimerspec fast = {{0, 1}, {0, 1}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    timerfd_settime(fd, 0, &fast, NULL);
    struct itimerval often = {{0, 1}, {0, 1}};
    signal(SIGALRM, SIG_IGN);
    setitimer(ITIMER_REAL, &often, NULL);
    usleep(300000);
    _exit(0);
  }
  wait(NULL);
}

static void signals(void) {
  struct rlimit limit = {200000, 200000};
  setrlimit(RLIMIT_SIGPENDING, &limit);
  for (int how = 0; how < 2; how++) {
    if (fork() == 0) {
      sigset_t all;
      sigfillset(&all);
      sigprocmask(SIG_BLOCK, &all, NULL);
      for (int i = 0; i < 60000; i++)
        if (sigqueue(getpid(), SIGRTMIN + i % 8, (union sigval){.sival_int = i})) break;
      if (how == 1) signal(SIGRTMIN + 1, SIG_IGN);
      if (how == 1) kill(getpid(), SIGSTOP), kill(getpid(), SIGCONT);
      _exit(0);
    }
    usleep(100000);
    int status;
    while (waitpid(-1, &status, WUNTRACED) > 0 && WIFSTOPPED(status))
      kill(0, SIGCONT);
  }
}

// Every other page differs, so that each is a mapping of its own.
static void mappings(void) {
  enum { COUNT = 60000 };
  char *at = mmap(NULL, COUNT * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (long i = 0; i < COUNT; i += 2)
    if (mprotect(at + i * PAGE, PAGE, PROT_READ | PROT_WRITE)) break;
  mlock(at, 100 * PAGE);
  SYS_3(SYS_mlock2, at, COUNT * PAGE, 1);
  munlock(at, COUNT * PAGE);
  msync(at, COUNT * PAGE, MS_ASYNC);
  static unsigned char resident[COUNT];
  mincore(at, COUNT * PAGE, resident);
  madvise(at, COUNT * PAGE, MADV_DONTNEED);
  if (fork() == 0) {
    if (fork() == 0) execl("/bin/true", "true", NULL);
    wait(NULL);
    munmap(at, COUNT * PAGE);
    _exit(0);
  }
  wait(NULL);
  if (fork() == 0) {
    prctl(PR_SET_DUMPABLE, 1);
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &limit);
    if (chdir("/tmp")) _exit(1);
    abort();
  }
  wait(NULL);
  unlink("/tmp/core");
  static char text[65536];
  const char *files[] = {"/proc/self/maps",   "/proc/self/smaps", "/proc/self/smaps_rollup",
                         "/proc/self/status", "/proc/self/statm", "/proc/self/numa_maps",
                         "/proc/self/pagemap"};
  for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
    int fd = open(files[i], O_RDONLY);
    for (int j = 0; j < 20 && read(fd, text, sizeof text) > 0; j++)
      continue;
    close(fd);
  }
  mprotect(at, COUNT * PAGE, PROT_READ);
  munmap(at, COUNT * PAGE);
}

static int word;

static void *waits(void *mask) {
  (void)mask;
  SYS_4(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, 0);
  return NULL;
}

static int make_threads(int count) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 16384);
  int n = 0;
  for (pthread_t thread; n < count; n++)
    if (pthread_create(&thread, &attributes, waits, NULL)) break;
  return n;
}

static void futexes(void) {
  int other = 0;
  make_threads(1500);
  usleep(300000);
  SYS_6(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 0, 2000, &other, 0);
  SYS_6(SYS_futex, &other, FUTEX_CMP_REQUEUE_PRIVATE, 0, 2000, &word, 0);
  SYS_4(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 0x7fffffff, 0);
  usleep(300000);
}

static void threads(void) {
  make_threads(1500);
  usleep(300000);
}

static void processes(void) {
  setpgid(0, 0);
  int n = 0;
  for (; n < 1000; n++) {
    pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      pause();
      _exit(0);
    }
  }
  static char text[65536];
  int proc = open("/proc", O_RDONLY | O_DIRECTORY);
  while (SYS_3(SYS_getdents64, proc, text, sizeof text) > 0)
    continue;
  signal(SIGTERM, SIG_IGN);
  kill(0, SIGWINCH);
  kill(0, SIGTERM);
  while (wait(NULL) > 0)
    continue;
}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {{"timers", timers},   {"signals", signals},     {"mappings", mappings},
             {"futexes", futexes}, {"processes", processes}, {"threads", threads}};

int main(int argc, char **argv) {
  for (unsigned long i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++)
    if (strcmp(cases[i].name, argv[1]) == 0) cases[i].run();
  return 0;
}
