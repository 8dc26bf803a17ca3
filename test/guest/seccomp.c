// seccomp: filters of system calls, what becomes of the calls that they catch, and who has them.
//@ needs: identity
//@ cflags: -pthread
#include "seccomp.h"
#include <linux/audit.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define LOAD_ARG(i) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[i]))

static void status_line(const char *what) {
  char line[256], value[64] = "?";
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, what, strlen(what)) == 0 && line[strlen(what)] == ':')
      sscanf(line + strlen(what) + 1, "%63s", value);
  if (file) fclose(file);
  say(" %s %s", what, value);
}

static void errnos(void) {
  value("getppid as EXFULL", refuse(0, SYS_getppid, SECCOMP_RET_ERRNO | EXFULL));
  value("getppid", SYS_0(SYS_getppid));
  value("getpid as 0", refuse(0, SYS_getpid, SECCOMP_RET_ERRNO | 0));
  value("getpid", SYS_0(SYS_getpid));
  value("gettid beyond the greatest", refuse(0, SYS_gettid, SECCOMP_RET_ERRNO | 0xffff));
  value("gettid", SYS_0(SYS_gettid));
  value("getuid for who traces", refuse(0, SYS_getuid, SECCOMP_RET_TRACE | 5));
  value("getuid", SYS_0(SYS_getuid));
  value("geteuid for who listens", refuse(0, SYS_geteuid, SECCOMP_RET_USER_NOTIF));
  value("geteuid", SYS_0(SYS_geteuid));
  value("sched_yield is told", refuse(0, SYS_sched_yield, SECCOMP_RET_LOG));
  value("sched_yield", SYS_0(SYS_sched_yield));
  value("a number that nobody knows", refuse(0, 5000, SECCOMP_RET_ERRNO | ENOTTY));
  value("it", SYS_0(5000));
  value("clock_gettime as EDOM", refuse(0, SYS_clock_gettime, SECCOMP_RET_ERRNO | EDOM));
  struct timespec now;
  value("clock_gettime", SYS_2(SYS_clock_gettime, CLOCK_REALTIME, &now));
  status_line("Seccomp");
  status_line("Seccomp_filters");
  value("PR_GET_SECCOMP", SYS_1(SYS_prctl, PR_GET_SECCOMP));
  // Of two filters the stricter counts, of two that are alike the newer one.
  value("getppid as ENOANO", refuse(0, SYS_getppid, SECCOMP_RET_ERRNO | ENOANO));
  value("getppid", SYS_0(SYS_getppid));
  value("getppid would be told", refuse(0, SYS_getppid, SECCOMP_RET_LOG));
  value("getppid", SYS_0(SYS_getppid));
}

static void arguments(void) {
  struct sock_filter filter[] = {
      LOAD(arch),
      IF(AUDIT_ARCH_X86_64, 1, 0),
      ANSWER(SECCOMP_RET_KILL_PROCESS),
      LOAD(nr),
      IF(SYS_personality, 0, 7),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]) + 4),
      IF(0x12345678, 0, 4),
      LOAD_ARG(5),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0f0f0f0),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80000000, 0, 1),
      ANSWER(SECCOMP_RET_ERRNO | ECHRNG),
      ANSWER(SECCOMP_RET_ERRNO | EL2HLT),
      ANSWER(SECCOMP_RET_ALLOW),
  };
  value("by arguments", install(0, filter, COUNT(filter)));
  const unsigned long sixth[] = {0, 0x1234567880000000, 0x123456780fffffff, 0x1234567900000000};
  for (size_t i = 0; i < COUNT(sixth); i++)
    value("personality", sys6(SYS_personality, -1, 0, 0, 0, 0, sixth[i]));
  struct sock_filter length[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, SECCOMP_RET_ERRNO),
      BPF_STMT(BPF_MISC | BPF_TAX, 0),
      LOAD(nr),
      IF(SYS_getpgrp, 0, 2),
      BPF_STMT(BPF_MISC | BPF_TXA, 0),
      BPF_STMT(BPF_RET | BPF_A, 0),
      ANSWER(SECCOMP_RET_ALLOW),
  };
  value("by the length of the data", install(0, length, COUNT(length)));
  value("getpgrp", SYS_0(SYS_getpgrp));
}

static siginfo_t caught;
static long rax;

static void on_sigsys(int signo, siginfo_t *info, void *context) {
  (void)signo;
  caught = *info;
  rax = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX];
}

static void traps(void) {
  struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, NULL);
  value("getppid traps", refuse(0, SYS_getppid, SECCOMP_RET_TRAP | 77));
  long result = SYS_0(SYS_getppid);
  say("getppid: %ld, rax %ld, signo %d, code %d, errno %d, syscall %d, arch %x, address %d", result, rax,
      caught.si_signo, caught.si_code, caught.si_errno, caught.si_syscall, caught.si_arch,
      caught.si_call_addr != NULL);
  for (int i = 0; i < 300; i++) // patched by then
    SYS_0(SYS_getppid);
  say("again: %ld, syscall %d", SYS_0(SYS_getppid), caught.si_syscall);
  signal(SIGSYS, SIG_IGN);
  SYS_0(SYS_getppid);
  say("not reached");
}

static void kills(void) {
  signal(SIGSYS, SIG_IGN);
  refuse(0, SYS_getppid, SECCOMP_RET_KILL_PROCESS);
  SYS_0(SYS_getppid);
  say("not reached");
}

static void kills_thread(void) {
  refuse(0, SYS_getppid, SECCOMP_RET_KILL_THREAD);
  SYS_0(SYS_getppid);
  say("not reached");
}

static void *calls_getppid(void *result) {
  *(long *)result = SYS_0(SYS_getppid);
  return NULL;
}

static void *dies(void *ready) {
  refuse(0, SYS_getppid, SECCOMP_RET_KILL_THREAD);
  *(volatile int *)ready = 1;
  SYS_0(SYS_getppid);
  return NULL;
}

static void one_thread_dies(void) {
  pthread_t thread;
  volatile int ready = 0;
  pthread_create(&thread, NULL, dies, (void *)&ready);
  pthread_detach(thread);
  while (!ready)
    usleep(1000);
  usleep(100000);
  say("the others live, getppid works: %d", SYS_0(SYS_getppid) > 0);
  _exit(6);
}

static void unknown_action(void) {
  refuse(0, SYS_getppid, 0x12340000);
  SYS_0(SYS_getppid);
  say("not reached");
}

static void strict(void) {
  value("strict", SYS_2(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
  SYS_3(SYS_write, 1, "written\n", 8);
  SYS_1(SYS_exit, 3);
}

static void strict_kills(void) {
  SYS_3(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0);
  SYS_0(SYS_getpid);
  SYS_1(SYS_exit, 3);
}

static pthread_barrier_t barrier;
static void *waits(void *result) {
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  status_line("NoNewPrivs");
  return calls_getppid(result);
}

static void *has_own(void *result) {
  value("its own", refuse(0, SYS_getpgrp, SECCOMP_RET_ERRNO | ENOTTY));
  return waits(result);
}

static void threads(void) {
  pthread_t thread;
  long result;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, NULL, waits, &result);
  pthread_barrier_wait(&barrier);
  SYS_5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  value("for one thread", refuse(0, SYS_getpgrp, SECCOMP_RET_ERRNO | EXFULL));
  value("for all threads", refuse(SECCOMP_FILTER_FLAG_TSYNC, SYS_getppid, SECCOMP_RET_ERRNO | EXFULL));
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  value("the other's getppid", result);
  pthread_create(&thread, NULL, has_own, &result);
  pthread_barrier_wait(&barrier);
  long tid = refuse(SECCOMP_FILTER_FLAG_TSYNC, SYS_getuid, SECCOMP_RET_ERRNO | EXFULL);
  say("one has another: %d, %d", tid > 0, tid != getpid());
  value("told by errno", refuse(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, SYS_getuid,
                                SECCOMP_RET_ERRNO | EXFULL));
  say("getuid goes on: %d", SYS_0(SYS_getuid) >= 0);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  value("a new thread's getppid", result);
}

static char self[4096];

static void inherited(void) {
  SYS_5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  value("refused", refuse(0, SYS_getppid, SECCOMP_RET_ERRNO | EXFULL));
  if (fork() == 0) {
    value("a child's getppid", SYS_0(SYS_getppid));
    execl(self, self, "after exec", NULL);
  }
  wait(NULL);
}

static void sockets(void) {
  int pair[2];
  char byte = 'x';
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  int udp = socket(AF_INET, SOCK_DGRAM, 0);
  value("getsockname", SYS_3(SYS_getsockname, udp, 8, 8) == -EFAULT);
  value("sendto as EXFULL", refuse(0, SYS_sendto, SECCOMP_RET_ERRNO | EXFULL));
  value("getsockname as ENOANO", refuse(0, SYS_getsockname, SECCOMP_RET_ERRNO | ENOANO));
  value("sendto", SYS_6(SYS_sendto, pair[0], &byte, 1, 0, 0, 0));
  value("getsockname", SYS_3(SYS_getsockname, udp, 8, 8));
  value("write", SYS_3(SYS_write, pair[0], &byte, 1));
  value("read", SYS_3(SYS_read, pair[1], &byte, 1));
}

static void refusals(void) {
  struct sock_filter allow[] = {ANSWER(SECCOMP_RET_ALLOW)};
  struct sock_filter bad[][2] = {
      {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), ANSWER(0)},
      {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), ANSWER(0)},
      {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), ANSWER(0)},
      {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), ANSWER(0)},
      {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 60), ANSWER(0)},
      {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_CPU), ANSWER(0)},
      {BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), ANSWER(0)},
      {BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), ANSWER(0)},
      {BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0), ANSWER(SECCOMP_RET_ALLOW)},
      {BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), ANSWER(0)},
      {BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 3), ANSWER(0)},
      {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ANSWER(0)},
      {ANSWER(0), BPF_STMT(BPF_LD | BPF_IMM, 0)},
      {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), ANSWER(0)},
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    pid_t child = fork();
    if (child == 0) {
      struct sock_filter tail[] = {bad[i][0], bad[i][1]};
      long result = install(0, tail, 2);
      say("program %zu: %s", i, result == 0 ? "taken" : error_name(result));
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
  value("no instructions", install(0, allow, 0));
  value("too many", install(0, allow, BPF_MAXINSNS + 1));
  value("flags", install(1 << 20, allow, 1));
  value("ESRCH alone", install(SECCOMP_FILTER_FLAG_TSYNC_ESRCH, allow, 1));
  value("a bad program", SYS_3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 8));
  value("a bad filter", install(0, (void *)8, 1));
  value("strict with flags", SYS_3(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, 0));
  value("operation 9", SYS_3(SYS_seccomp, 9, 0, 0));
  const unsigned actions[] = {
      SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,  SECCOMP_RET_ERRNO,
      SECCOMP_RET_TRACE,        SECCOMP_RET_LOG,         SECCOMP_RET_ALLOW, 0x12340000};
  for (size_t i = 0; i < COUNT(actions); i++)
    value("available", SYS_3(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]));
  value("available, with flags", SYS_3(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, actions));
  value("available, bad address", SYS_3(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, 8));
  value("prctl mode 9", SYS_2(SYS_prctl, PR_SET_SECCOMP, 9));
  value("prctl bad address", SYS_3(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 8));
  value("still none", SYS_1(SYS_prctl, PR_GET_SECCOMP));
}

static void unprivileged(void) {
  if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)) say("setresuid: %m");
  value("without privilege", refuse(0, SYS_getppid, SECCOMP_RET_ERRNO | EXFULL));
  SYS_5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  value("without new ones", refuse(0, SYS_getppid, SECCOMP_RET_ERRNO | EXFULL));
  value("getppid", SYS_0(SYS_getppid));
}

static void too_long(void) {
  static struct sock_filter filter[BPF_MAXINSNS];
  for (int i = 0; i < BPF_MAXINSNS; i++)
    filter[i] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
  int count = 0;
  long result;
  while ((result = install(0, filter, BPF_MAXINSNS)) == 0)
    count++;
  say("%d of the longest filters, then %s", count, error_name(result));
}

int main(int argc, char **argv) {
  if (argc > 1) {
    value(argv[1], SYS_0(SYS_getppid));
    status_line("Seccomp");
    return 0;
  }
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 1;
  status_line("Seccomp");
  in_child("errnos", errnos);
  in_child("arguments", arguments);
  in_child("traps", traps);
  in_child("kills", kills);
  in_child("kills its only thread", kills_thread);
  in_child("kills one thread", one_thread_dies);
  in_child("unknown action", unknown_action);
  in_child("strict", strict);
  in_child("strict kills", strict_kills);
  in_child("threads", threads);
  in_child("inherited", inherited);
  in_child("sockets", sockets);
  in_child("refusals", refusals);
  in_child("unprivileged", unprivileged);
  in_child("too long", too_long);
  return 0;
}
