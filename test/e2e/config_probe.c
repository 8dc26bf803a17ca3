// What a process sees of how it was started by a config.json: clocks, scheduling, personality, names. Clocks are told as the
// distance from the seconds that are given, in thousands.
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static double base;

static void tell(const char *name, double seconds) {
  double far = (seconds - base) / 1000;
  printf("%s: %+ld\n", name, (long)(far < 0 ? far - 0.5 : far + 0.5));
}

static double seconds_of(struct timespec t) {
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now(clockid_t clock) {
  struct timespec t = {0};
  clock_gettime(clock, &t);
  return seconds_of(t);
}

static struct timespec soon(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_nsec += 30000000;
  if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
  return t;
}

static void slept(const char *name, clockid_t clock, double from) {
  double time = now(clock) - from;
  printf("%s: %s\n", name, time >= 0.029 && time < 5 ? "in time" : time < 0.029 ? "too early" : "too late");
}

static void show(const char *path) {
  char line[256];
  FILE *file = fopen(path, "r");
  if (!file) printf("%s: %s\n", path, strerror(errno));
  while (file && fgets(line, sizeof line, file))
    printf("%s: %s", path, line);
  if (file) fclose(file);
}

static void clocks(void) {
  struct timespec t;
  tell("monotonic", now(CLOCK_MONOTONIC));
  tell("monotonic coarse", now(CLOCK_MONOTONIC_COARSE));
  tell("monotonic raw", now(CLOCK_MONOTONIC_RAW));
  tell("boottime", now(CLOCK_BOOTTIME));
  tell("boottime alarm", now(CLOCK_BOOTTIME_ALARM));
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
  tell("monotonic, by a call", seconds_of(t));
  syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &t);
  tell("boottime, by a call", seconds_of(t));
  struct sysinfo info;
  sysinfo(&info);
  tell("sysinfo", (double)info.uptime);
  double uptime = 0;
  FILE *file = fopen("/proc/uptime", "r");
  if (file && fscanf(file, "%lf", &uptime) == 1) tell("/proc/uptime", uptime);
  if (file) fclose(file);
  char text[1024] = "";
  file = fopen("/proc/self/stat", "r");
  unsigned long long start = 0;
  if (file && fgets(text, sizeof text, file))
    sscanf(strrchr(text, ')') + 2,
           "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start);
  if (file) fclose(file);
  tell("start", (double)start / (double)sysconf(_SC_CLK_TCK));
}

static void timers(void) {
  static const struct {
    clockid_t clock;
    const char *name;
  } kinds[] = {{CLOCK_MONOTONIC, "monotonic"}, {CLOCK_BOOTTIME, "boottime"}};
  for (int i = 0; i < 2; i++) {
    clockid_t clock = kinds[i].clock;
    printf("timers of %s\n", kinds[i].name);
    double from = now(clock);
    struct timespec until = soon(clock);
    clock_nanosleep(clock, TIMER_ABSTIME, &until, NULL);
    slept(" clock_nanosleep", clock, from);
    from = now(clock);
    struct itimerspec timer = {.it_value = soon(clock)};
    int fd = timerfd_create(clock, 0);
    unsigned long long count;
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &timer, NULL);
    if (read(fd, &count, sizeof count) < 0) perror("timerfd");
    slept(" timerfd", clock, from);
    from = now(clock);
    timer_t posix;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    timer.it_value = soon(clock);
    timer_create(clock, &event, &posix);
    timer_settime(posix, TIMER_ABSTIME, &timer, NULL);
    sigwaitinfo(&set, NULL);
    slept(" timer_settime", clock, from);
  }
  int word = 0;
  double from = now(CLOCK_MONOTONIC);
  struct timespec until = soon(CLOCK_MONOTONIC);
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &until, NULL, FUTEX_BITSET_MATCH_ANY);
  slept("futex", CLOCK_MONOTONIC, from);
}

int main(int argc, char **argv) {
  base = argc > 1 ? atof(argv[1]) : 0;
  if (argc > 1) {
    clocks();
    timers();
    show("/proc/self/timens_offsets");
  }
  struct utsname names;
  uname(&names);
  printf("machine %s\n", names.machine);
  printf("personality %x\n", personality(0xffffffff));
  show("/proc/self/personality");
  struct sched_param parameters;
  sched_getparam(0, &parameters);
  printf("policy %d, priority %d, nice %d, I/O priority %ld\n", sched_getscheduler(0),
         parameters.sched_priority, getpriority(PRIO_PROCESS, 0), syscall(SYS_ioprio_get, 1, 0));
  cpu_set_t cpus;
  sched_getaffinity(0, sizeof cpus, &cpus);
  printf("first CPU alone: %s\n", CPU_COUNT(&cpus) == 1 && CPU_ISSET(0, &cpus) ? "yes" : "no");
  return 0;
}
