// seccomp: numbers beyond the table, ends that nothing keeps off, and filters for all threads while there is something
// between: threads and programs that are being made.
//@ needs: identity
//@ cflags: -pthread
#include "seccomp.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>

#define REFUSED (-EXFULL)

// ---- Numbers ----

static siginfo_t caught;
static unsigned rax;
static int past;

static void on_sigsys(int signo, siginfo_t *info, void *context) {
  (void)signo;
  const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  caught = *info;
  rax = registers[REG_RAX];
  past = info->si_call_addr == (void *)registers[REG_RIP];
}

static const unsigned long numbers[] = {
    0x80000001,         0xffffffff80000001, -1ul, 0xffffffff, 0x7fffffff,
    0x40000000 + 39,    0x40000000,         512,  511,        5000,
    0x123456780000006e, // getppid, and more above it
};

static void numbers_refused(void) {
  for (size_t i = 0; i < COUNT(numbers); i++)
    refuse(0, numbers[i], SECCOMP_RET_ERRNO | EXFULL);
  for (size_t i = 0; i < COUNT(numbers); i++)
    value("refused", SYS_0(numbers[i]));
}

static void numbers_trap(void) {
  struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, NULL);
  for (size_t i = 0; i < COUNT(numbers); i++)
    refuse(0, numbers[i], SECCOMP_RET_TRAP | i);
  for (size_t i = 0; i < COUNT(numbers); i++) {
    unsigned result = SYS_0(numbers[i]);
    say("%lx: %x, rax %x, errno %d, syscall %x, address %d", numbers[i], result, rax, caught.si_errno,
        caught.si_syscall, past);
  }
}

static void number_kills(void) {
  refuse(0, 0x80000001, SECCOMP_RET_KILL_PROCESS);
  SYS_0(0x80000001);
  say("not reached");
}

static void number_kills_too(void) {
  refuse(0, 0x80000001, SECCOMP_RET_KILL_PROCESS);
  SYS_0(0xffffffff80000001);
  say("not reached");
}

static void restarts(void) {
  refuse(0, SYS_getppid, SECCOMP_RET_ERRNO | 512);
  refuse(0, SYS_getpgrp, SECCOMP_RET_ERRNO | 513);
  refuse(0, SYS_getuid, SECCOMP_RET_ERRNO | 516);
  say("%ld, %ld, %ld", SYS_0(SYS_getppid), SYS_0(SYS_getpgrp), SYS_0(SYS_getuid));
}

static void vsyscall(void) {
  refuse(0, SYS_time, SECCOMP_RET_ERRNO | EXFULL);
  for (int i = 0; i < 3; i++)
    say("vsyscall time: %d", ((long (*)(void *))0xffffffffff600400)(NULL) == REFUSED);
  say("time: %d", SYS_1(SYS_time, 0) == REFUSED);
}

// ---- Ends ----

static volatile int killer_goes_on = 1;

static void takes_over(int signo) {
  (void)signo;
  struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, NULL);
}

static void *sends(void *pid) {
  while (killer_goes_on)
    SYS_3(SYS_tgkill, (long)pid, (long)pid, SIGSEGV);
  return NULL;
}

// A handler of another signal, in which SIGSYS is blocked, stands before it.
static void no_way_round(void) {
  pthread_t thread;
  struct sigaction action = {.sa_handler = takes_over};
  sigfillset(&action.sa_mask);
  sigaction(SIGSEGV, &action, NULL);
  pthread_create(&thread, NULL, sends, (void *)(long)getpid());
  usleep(1000);
  refuse(0, SYS_getppid, SECCOMP_RET_KILL_PROCESS);
  SYS_0(SYS_getppid);
  say("not reached");
}

// ---- All threads ----

static volatile int all_have_it, done;
static int unfiltered;

static void *asks(void *unused) {
  while (!all_have_it && !done)
    ;
  if (all_have_it && SYS_0(SYS_getppid) != REFUSED) __atomic_add_fetch(&unfiltered, 1, __ATOMIC_SEQ_CST);
  return unused;
}

static void *makes_threads(void *unused) {
  pthread_t threads[200];
  int count = 0;
  while (count < 200 && !all_have_it)
    if (pthread_create(&threads[count], NULL, asks, NULL) == 0) count++;
  for (int i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
  return unused;
}

static void against_new_threads(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, makes_threads, NULL);
  usleep(1000 + rand() % 3000);
  long result = refuse(SECCOMP_FILTER_FLAG_TSYNC, SYS_getppid, SECCOMP_RET_ERRNO | EXFULL);
  all_have_it = 1;
  if (result != 0) say("for all threads: %s", error_name(result));
  pthread_join(thread, NULL);
  _exit(unfiltered != 0);
}

static void threads(void) {
  int bad = 0;
  for (int i = 0; i < 40; i++) {
    int status;
    pid_t child = fork();
    srand(i);
    if (child == 0) against_new_threads();
    waitpid(child, &status, 0);
    bad += status != 0;
  }
  say("threads without a filter: %d", bad);
}

// A program that runs when another thread was told that all have it: there is none.
static char self[4096];
static volatile int *told;

static void *executes(void *unused) {
  usleep(rand() % 3000);
  execl(self, self, "executed", NULL);
  return unused;
}

static void programs(void) {
  int bad = 0;
  told = (void *)map_at(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
  for (int i = 0; i < 40; i++) {
    int status;
    *told = 0;
    srand(i);
    pid_t child = fork();
    if (child == 0) {
      pthread_t thread;
      pthread_create(&thread, NULL, executes, NULL);
      usleep(rand() % 6000);
      refuse(SECCOMP_FILTER_FLAG_TSYNC, SYS_getppid, SECCOMP_RET_ERRNO | EXFULL);
      *told = 1;
      pthread_join(thread, NULL);
    }
    waitpid(child, &status, 0);
    // It has seen that it has none.
    bad += *told && status == 3 << 8;
  }
  say("programs without a filter: %d", bad);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return SYS_0(SYS_getppid) == REFUSED ? 2 : 3;
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 1;
  SYS_5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  in_child("numbers", numbers_refused);
  in_child("numbers trap", numbers_trap);
  in_child("a number kills", number_kills);
  in_child("its sign extended", number_kills_too);
  in_child("errors of restarts", restarts);
  in_child("vsyscall", vsyscall);
  in_child("no way round", no_way_round);
  threads();
  programs();
  return 0;
}
