// Processes at their edges: what a child inherits, who may wait for whom, priorities of threads, and
// descriptors of processes.
//@ needs: fork signals threads timers scheduler pidfd proc pipes
//@ cflags: -pthread
#include "guest.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>

static volatile int stop;

static void burn(long ms) {
  struct timespec start, now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  do
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

static void *burner(void *unused) {
  while (!stop) {
  }
  return unused;
}

// ---- Sleeping on CPU time ----

static void on_alarm(int signo) {
  (void)signo;
}

static void cpu_sleep(void) {
  struct timespec time = {0, 20000000}, left = {0}, before, after;
  value("thread's clock", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL));
  value("own thread by number", SYS_4(SYS_clock_nanosleep, ~gettid() * 8 | 6, 0, &time, 0));
  value("no such process", SYS_4(SYS_clock_nanosleep, ~0x3ffffe * 8 | 2, 0, &time, 0));
  value("bad flags", SYS_4(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, 8, 0));
  struct timespec wrong = {0, -1};
  value("bad time", SYS_4(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &wrong, 0));
  pthread_t thread;
  pthread_create(&thread, NULL, burner, NULL);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  value("process's clock", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &time, NULL));
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  yes_no("the time was used",
         (after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >= 20000000);
  after.tv_nsec += 20000000;
  if (after.tv_nsec >= 1000000000) after.tv_sec++, after.tv_nsec -= 1000000000;
  value("until", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &after, NULL));
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  yes_no("it is that time",
         before.tv_sec > after.tv_sec || (before.tv_sec == after.tv_sec && before.tv_nsec >= after.tv_nsec));
  clockid_t of_thread;
  pthread_getcpuclockid(thread, &of_thread);
  value("another thread's clock", clock_nanosleep(of_thread, 0, &time, NULL));
  stop = 1;
  pthread_join(thread, NULL);
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  ualarm(50000, 0);
  time.tv_sec = 5;
  value("interrupted", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &time, &left));
  yes_no("what is left", left.tv_sec == 4 || left.tv_sec == 5);
}

// ---- Who waits ----

static void *waits(void *argument) {
  int status, own = fork();
  if (own == 0) _exit(21);
  int pid = *(int *)argument;
  value("of another thread", waitpid(pid, &status, __WNOTHREAD) < 0 ? -errno : 1);
  yes_no("any of its own", waitpid(-1, &status, __WNOTHREAD) == own);
  value("no more", waitpid(-1, &status, __WNOTHREAD) < 0 ? -errno : 1);
  int left = fork();
  if (left == 0) _exit(23);
  *(int *)argument = left;
  return NULL;
}

static void no_thread(void) {
  int status, pid = fork();
  if (pid == 0) _exit(20);
  int for_thread = pid;
  pthread_t thread;
  pthread_create(&thread, NULL, waits, &for_thread);
  pthread_join(thread, NULL);
  yes_no("own child", waitpid(pid, &status, __WNOTHREAD) == pid);
  yes_no("what a thread has left", waitpid(for_thread, &status, __WNOTHREAD) == for_thread);
}

// ---- The parent's death ----

static int report;

static void on_death(int signo, siginfo_t *info, void *context) {
  (void)context;
  int seen[3] = {signo, info->si_code, info->si_pid};
  if (write(report, seen, sizeof seen) < 0) _exit(96);
  _exit(0);
}

static void *forks(void *argument) {
  int *fds = argument, ready[2];
  char byte = 0;
  if (pipe(ready)) return NULL;
  if (fork() == 0) {
    report = fds[1];
    struct sigaction action = {.sa_sigaction = on_death, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (write(ready[1], &byte, 1) != 1) _exit(95);
    for (;;)
      pause();
  }
  if (read(ready[0], &byte, 1) != 1) _exit(94);
  return NULL;
}

static void death_signals(void) {
  int fds[2], seen[3] = {0}, status;
  if (pipe(fds)) return;
  pthread_t thread;
  pthread_create(&thread, NULL, forks, fds);
  pthread_join(thread, NULL);
  yes_no("told", read(fds[0], seen, sizeof seen) == sizeof seen);
  say("of a thread's end: signal %d, code %d, from its process %d", seen[0], seen[1], seen[2] == getpid());
  wait(&status);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int parent = fork();
  if (parent == 0) {
    forks(fds);
    _exit(0);
  }
  yes_no("told", read(fds[0], seen, sizeof seen) == sizeof seen);
  say("of a process's end: signal %d, code %d, from it %d", seen[0], seen[1], seen[2] == parent);
  while (wait(&status) > 0) {
  }
}

// ---- Use of resources ----

static volatile long ticks;

static void on_child(int signo, siginfo_t *info, void *context) {
  (void)signo;
  (void)context;
  ticks = info->si_utime + info->si_stime;
}

static void use_of_children(void) {
  struct rusage usage;
  struct tms before, after;
  getrusage(RUSAGE_CHILDREN, &usage);
  times(&before);
  signal(SIGCHLD, SIG_IGN);
  if (fork() == 0) {
    burn(100);
    _exit(0);
  }
  wait(NULL);
  signal(SIGCHLD, SIG_DFL);
  times(&after);
  yes_no("who was not waited for counts",
         after.tms_cutime + after.tms_cstime - before.tms_cutime - before.tms_cstime >= 5);
  int pid = fork();
  if (pid == 0) {
    size_t size = 64 << 20;
    memset(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, size);
    if (fork() == 0) _exit(0);
    wait(NULL);
    burn(100);
    _exit(0);
  }
  int status;
  wait4(pid, &status, 0, &usage);
  yes_no("its largest size", usage.ru_maxrss > 64 << 10 && usage.ru_maxrss < 256 << 10);
  yes_no("its faults", usage.ru_minflt > 10);
  yes_no("its time", usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + usage.ru_utime.tv_sec > 50000);
  getrusage(RUSAGE_CHILDREN, &usage);
  yes_no("children's largest size", usage.ru_maxrss > 64 << 10 && usage.ru_maxrss < 256 << 10);
  yes_no("children's faults", usage.ru_minflt > 10);
  times(&after);
  yes_no("children's time", after.tms_cutime + after.tms_cstime - before.tms_cutime - before.tms_cstime >= 5);
  struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGCHLD, &action, NULL);
  if (fork() == 0) {
    burn(100);
    _exit(0);
  }
  wait(NULL);
  yes_no("SIGCHLD tells of its time", ticks >= 5 && ticks < 1000);
  getrusage(RUSAGE_SELF, &usage);
  yes_no("own size is not theirs", usage.ru_maxrss < 64 << 10);
}

// ---- Priorities ----

static volatile pid_t number;

static void *with_priority(void *unused) {
  number = gettid();
  value("of a thread", setpriority(PRIO_PROCESS, 0, 5) ? -errno : 0);
  value("it has it", getpriority(PRIO_PROCESS, 0));
  int pid = fork(), status;
  if (pid == 0) _exit(getpriority(PRIO_PROCESS, 0));
  waitpid(pid, &status, 0);
  value("its child has it", WEXITSTATUS(status));
  while (!stop)
    usleep(1000);
  return unused;
}

static void priorities(void) {
  stop = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, with_priority, NULL);
  while (!number || SYS_2(SYS_getpriority, PRIO_PROCESS, number) != 15)
    usleep(1000);
  usleep(100000);
  value("the leader's", getpriority(PRIO_PROCESS, 0));
  value("the leader's by number", getpriority(PRIO_PROCESS, getpid()));
  value("set by number", setpriority(PRIO_PROCESS, number, 9) ? -errno : 0);
  value("get by number", getpriority(PRIO_PROCESS, number));
  stop = 1;
  pthread_join(thread, NULL);

  struct sched_param none = {0}, one = {.sched_priority = 1};
  value("reset on fork", sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) ? -errno : 0);
  say("policy %x", sched_getscheduler(0));
  value("nice", setpriority(PRIO_PROCESS, 0, -5) ? -errno : 0);
  int pid = fork(), status;
  if (pid == 0) _exit(sched_getscheduler(0) * 100 + getpriority(PRIO_PROCESS, 0));
  waitpid(pid, &status, 0);
  value("a child's policy and niceness", WEXITSTATUS(status));
  value("real time", sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &one) ? -errno : 0);
  say("policy %x", sched_getscheduler(0));
  pid = fork();
  if (pid == 0) {
    sched_getparam(0, &none);
    _exit(sched_getscheduler(0) * 100 + none.sched_priority);
  }
  waitpid(pid, &status, 0);
  value("a child's policy and priority", WEXITSTATUS(status));
  value("back", sched_setscheduler(0, SCHED_OTHER, &none) ? -errno : 0);
  value("nice", setpriority(PRIO_PROCESS, 0, 0) ? -errno : 0);
  say("policy %x", sched_getscheduler(0));
  pid = fork();
  if (pid == 0) {
    sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none);
    if (setresuid(1234, 1234, 1234)) _exit(99);
    value("without privilege: keep it",
          sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none) ? -errno : 0);
    value("drop it", sched_setscheduler(0, SCHED_BATCH, &none) ? -errno : 0);
    _exit(0);
  }
  waitpid(pid, &status, 0);
}

static void slack(void) {
  prctl(PR_SET_TIMERSLACK, 12345);
  int pid = fork(), status;
  if (pid == 0) {
    value("a child's slack", prctl(PR_GET_TIMERSLACK));
    prctl(PR_SET_TIMERSLACK, 77);
    prctl(PR_SET_TIMERSLACK, 0);
    value("its default", prctl(PR_GET_TIMERSLACK));
    _exit(0);
  }
  waitpid(pid, &status, 0);
  prctl(PR_SET_TIMERSLACK, 0);
  value("the own default", prctl(PR_GET_TIMERSLACK));
}

#define IOPRIO(class, level) ((class) << 13 | (level))

static void io_priorities(void) {
  enum { PROCESS = 1, GROUP = 2, USER = 3 };
  setpgid(0, 0);
  value("unset", SYS_2(SYS_ioprio_get, PROCESS, 0));
  value("unset, of the group", SYS_2(SYS_ioprio_get, GROUP, 0));
  value("none with a level", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(0, 3)));
  value("none", SYS_3(SYS_ioprio_set, PROCESS, 0, 0));
  value("best effort 3", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(2, 3)));
  value("is", SYS_2(SYS_ioprio_get, PROCESS, 0));
  value("with a hint", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(2, 3) | 1 << 3));
  value("is", SYS_2(SYS_ioprio_get, PROCESS, 0));
  value("idle with a level", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(3, 5)));
  value("class 4", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(4, 0)));
  value("class 7", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(7, 0)));
  value("class 8", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(8, 0)));
  value("real time", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(1, 2)));
  value("of a group", SYS_3(SYS_ioprio_set, GROUP, 0, IOPRIO(2, 6)));
  value("is", SYS_2(SYS_ioprio_get, GROUP, 0));
  value("of no process", SYS_2(SYS_ioprio_get, PROCESS, 0x3ffffe));
  value("of no group", SYS_2(SYS_ioprio_get, GROUP, 0x3ffffe));
  value("to no group", SYS_3(SYS_ioprio_set, GROUP, 0x3ffffe, IOPRIO(2, 6)));
  value("of no user", SYS_2(SYS_ioprio_get, USER, 54321));
  value("of what", SYS_2(SYS_ioprio_get, 4, 0));
  value("to what", SYS_3(SYS_ioprio_set, 0, 0, IOPRIO(2, 6)));
  int pid = fork(), status;
  if (pid == 0) {
    value("inherited", SYS_2(SYS_ioprio_get, PROCESS, 0));
    if (setresuid(1234, 1234, 1234)) _exit(99);
    value("without privilege: real time", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(1, 2)));
    value("idle", SYS_3(SYS_ioprio_set, PROCESS, 0, IOPRIO(3, 0)));
    value("another user's", SYS_3(SYS_ioprio_set, PROCESS, getppid(), IOPRIO(2, 2)));
    _exit(0);
  }
  waitpid(pid, &status, 0);
}

// ---- Descriptors ----

struct pidfd_info_ {
  uint64_t mask, cgroupid;
  uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  int32_t exit_code;
  uint32_t coredump_mask, coredump_signal;
  char more[128];
};
#define GET_INFO(size) _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, size)

static void show(const char *what, int fd, uint64_t mask, size_t size, int pid) {
  struct pidfd_info_ info;
  memset(&info, 0xff, sizeof info);
  info.mask = mask;
  int result = ioctl(fd, GET_INFO(size), &info);
  value(what, result ? -errno : 0);
  if (result) return;
  say(" mask %lx, pid %d, tgid %d, ppid %d, ids %u %u %u %u %u %u %u %u", info.mask & ~4ul,
      info.pid == (uint32_t)pid, info.tgid == (uint32_t)pid, info.ppid == (uint32_t)getpid(), info.ruid,
      info.rgid, info.euid, info.egid, info.suid, info.sgid, info.fsuid, info.fsgid);
  if (size >= 64) say(" exit code %x", info.exit_code);
}

static void descriptors(void) {
  int pid = fork(), status;
  if (pid == 0)
    for (;;)
      pause();
  char name[64];
  snprintf(name, sizeof name, "/proc/%d", pid);
  int directory = open(name, O_RDONLY | O_DIRECTORY), path = open(name, O_PATH);
  snprintf(name, sizeof name, "/proc/%d/task/%d", pid, pid);
  int thread = open(name, O_RDONLY | O_DIRECTORY), root = open("/proc", O_RDONLY);
  snprintf(name, sizeof name, "/proc/%d/fd", pid);
  int inner = open(name, O_RDONLY | O_DIRECTORY);
  int pidfd = (int)SYS_2(SYS_pidfd_open, pid, 0);
  value("signal by /proc/PID", SYS_4(SYS_pidfd_send_signal, directory, 0, 0, 0));
  value("by O_PATH", SYS_4(SYS_pidfd_send_signal, path, 0, 0, 0));
  value("by /proc/PID/task/TID", SYS_4(SYS_pidfd_send_signal, thread, 0, 0, 0));
  value("by /proc/PID/fd", SYS_4(SYS_pidfd_send_signal, inner, 0, 0, 0));
  value("by /proc", SYS_4(SYS_pidfd_send_signal, root, 0, 0, 0));
  value("getfd by /proc/PID", SYS_3(SYS_pidfd_getfd, directory, 0, 0));
  siginfo_t info;
  value("waitid by /proc/PID", waitid(P_PIDFD, directory, &info, WEXITED | WNOHANG) ? -errno : 0);

  show("info", pidfd, 0, 64, pid);
  show("info of version 1", pidfd, 1 | 8, 72, pid);
  show("too small", pidfd, 1, 56, pid);
  show("larger", pidfd, 1, 128, pid);
  value("another request", ioctl(pidfd, _IO(0xff, 200), 0) ? -errno : 0);
  value("without a place", ioctl(pidfd, GET_INFO(64), 0) ? -errno : 0);
  value("of a directory", ioctl(directory, GET_INFO(64), &info) ? -errno : 0);
  value("signal", SYS_4(SYS_pidfd_send_signal, directory, SIGTERM, 0, 0));
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  show("of a zombie", pidfd, 1 | 8, 64, pid);
  value("signal to a zombie", SYS_4(SYS_pidfd_send_signal, directory, SIGTERM, 0, 0));
  waitpid(pid, &status, 0);
  value("signal to one that is gone", SYS_4(SYS_pidfd_send_signal, directory, SIGTERM, 0, 0));
  show("of one that is gone", pidfd, 1, 64, pid);
  show("and its exit", pidfd, 8, 64, pid);

  int fds[2];
  char byte = 0;
  if (pipe(fds)) return;
  value("pread of a pipe", SYS_4(SYS_pread64, fds[0], &byte, 1, 0));
  value("pwrite", SYS_4(SYS_pwrite64, fds[1], &byte, 1, 0));
  value("pread of nothing", SYS_4(SYS_pread64, fds[0], &byte, 0, 0));
  value("pwrite of nothing", SYS_4(SYS_pwrite64, fds[1], &byte, 0, 0));
  value("pread of the wrong end", SYS_4(SYS_pread64, fds[1], &byte, 1, 0));
  value("negative", SYS_4(SYS_pread64, fds[0], &byte, 1, -1));
  struct {
    void *at;
    size_t length;
  } vector = {&byte, 1};
  value("preadv", SYS_5(SYS_preadv, fds[0], &vector, 1, 0, 0));
  value("pwritev", SYS_5(SYS_pwritev, fds[1], &vector, 1, 0, 0));
  value("preadv2", SYS_6(SYS_preadv2, fds[0], &vector, 1, 0, 0, 0));
  value("pread of a process", SYS_4(SYS_pread64, pidfd, &byte, 1, 0));
  value("read of a process", SYS_3(SYS_read, pidfd, &byte, 1));
  value("lseek", lseek(fds[0], 0, SEEK_CUR) < 0 ? -errno : 0);
}

int main(int argc, char **argv) {
  (void)argv;
  void (*const parts[])(void) = {cpu_sleep,  no_thread, death_signals, use_of_children,
                                 priorities, slack,     io_priorities, descriptors};
  if (argc > 1) {
    parts[atoi(argv[1])]();
    return 0;
  }
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    int pid = fork(), status;
    if (pid == 0) {
      parts[i]();
      _exit(0);
    }
    waitpid(pid, &status, 0);
    say("part %zu: %x", i, status);
  }
  return 0;
}
