// What /proc says of threads that are not the first of their process: /proc/PID/task/TID, and /proc/TID, which leads to the process
// as that thread has it.
//@ cflags: -pthread
//@ needs: threads signals proc credentials
#include "guest.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>

static char text[1 << 14];
static int tid, ready, over;

static const char *const LINES[] = {
    "Name:",   "Tgid:",   "Pid:",        "PPid:",    "NSpid:",           "Threads:",
    "SigPnd:", "ShdPnd:", "SigBlk:",     "SigCgt:",  "CapInh:",          "CapPrm:",
    "CapEff:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:", "Uid:"};

static int slurp(const char *path) {
  int fd = open(path, O_RDONLY), n = 0, r = 0;
  if (fd < 0) return -errno;
  while (n < (int)sizeof text - 1 && (r = read(fd, text + n, sizeof text - 1 - n)) > 0)
    n += r;
  close(fd);
  text[n] = 0;
  return r < 0 ? -1 : n;
}

static const char *line(const char *name) {
  static char value[256];
  char *at = strstr(text, name);
  if (at == NULL) return "none";
  at += strlen(name);
  snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\n"), at);
  return value + strspn(value, "\t ");
}

// Numbers that differ from run to run are said by whose they are.
static const char *named(const char *value) {
  int number = atoi(value);
  return number == getpid()    ? "the process's"
         : number == tid       ? "the thread's"
         : number == getppid() ? "parent"
                               : value;
}

static void status_of(const char *what, const char *path) {
  say("-- %s", what);
  if (slurp(path) < 0) say("not there");
  for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
    // What a process may do at first is not the same everywhere.
    if (strncmp(LINES[i], "Cap", 3) == 0 && strcmp(what, "the first") == 0) continue;
    int is_number = strstr(LINES[i], "id:") != NULL && strcmp(LINES[i], "Uid:") != 0;
    const char *value = line(LINES[i]);
    say("%s %s", LINES[i], is_number ? named(value) : value);
  }
}

static void stat_of(const char *what, const char *path) {
  slurp(path);
  char *name = strchr(text, '('), *behind = strrchr(text, ')');
  say("%s: %s %.*s", what, named(text), (int)(behind - name + 1), name);
  int field = 2;
  for (char *at = strtok(behind + 1, " "); at; at = strtok(NULL, " ")) {
    field++;
    if (field == 4 || field == 5) say(" %d: %s", field, field == 4 ? named(at) : "");
    if (field == 20 || field == 31 || field == 32) say(" %d: %s", field, at);
  }
}

static void drop_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {
      {1 << CAP_CHOWN | 1 << CAP_KILL, 1 << CAP_CHOWN | 1 << CAP_KILL, 1 << CAP_CHOWN}};
  value("capset", SYS_2(SYS_capset, &header, data));
}

static void filter_calls(void) {
  struct sock_filter all[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  struct sock_fprog program = {1, all};
  value("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  value("a filter", SYS_3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static void *lives(void *argument) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 3);
  pthread_sigmask(SIG_SETMASK, &set, NULL);
  prctl(PR_SET_NAME, "the other");
  drop_capabilities();
  filter_calls();
  tid = (int)SYS_0(SYS_gettid);
  // What waits is counted.
  for (int i = 0; i < 40; i++) {
    struct timespec t = {0, 1000000};
    nanosleep(&t, NULL);
  }
  __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
    struct timespec t = {0, 1000000};
    nanosleep(&t, NULL);
  }
  return argument;
}

static long switches(const char *path) {
  slurp(path);
  return atol(line("\nvoluntary_ctxt_switches:"));
}

int main(void) {
  struct sigaction action = {.sa_handler = SIG_IGN};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_SETMASK, &set, NULL);
  sigaction(SIGHUP, &action, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, lives, NULL);
  while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
    sched_yield();
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR2);
  SYS_3(SYS_tgkill, getpid(), tid, SIGUSR2);
  SYS_3(SYS_tgkill, getpid(), getpid(), SIGUSR1);
  char path[64], other[64];
  sprintf(path, "/proc/self/task/%d/status", tid);
  sprintf(other, "/proc/%d/status", tid);
  status_of("the first", "/proc/self/status");
  status_of("the other, among threads", path);
  status_of("the other, by its number", other);
  yes_no("it has waited", switches(path) >= 40);
  yes_no("by its number too", switches(other) >= 40);
  stat_of("the first", "/proc/self/stat");
  sprintf(path, "/proc/self/task/%d/stat", tid);
  stat_of("the other, among threads", path);
  sprintf(path, "/proc/%d/stat", tid);
  stat_of("the other, by its number", path);
  sprintf(path, "/proc/%d/comm", tid);
  slurp(path);
  say("comm %s", text);
  sprintf(path, "/proc/%d/task/%d/comm", tid, getpid());
  slurp(path);
  say("the first by way of the other %s", text);
  sprintf(path, "/proc/%d/cmdline", tid);
  yes_no("cmdline", slurp(path) > 0 && strstr(text, "proc_threads"));
  __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
  pthread_join(thread, NULL);
  yes_no("it is gone", slurp(other) == -ENOENT);
  return 0;
}
