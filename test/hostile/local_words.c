// F19: what a guest's thread answers by itself goes by words of its slot that it can write. Whoever scribbles
// there deceives itself: its kernel, its children and all others go on with what is true. Jumps into that
// code end in the guest's own death.
//@ args: words
//@ args: flags
//@ args: stack
//@ args: host-vdso
//@ args: sleeps
//@ cflags: -pthread
//@ args: entries
//@ ends: 0
//@ deadline: 30
#include "../guest/sites.h"
#include "jumps.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

SITE(getpid_site, 39);
SITE(gettid_site, 186);
SITE(geteuid_site, 107);
SITE_WITH((long, struct timespec *), clock_gettime_site, 228);

extern const char getpid_site_end[];

static void warm(void) {
  struct timespec time;
  for (int i = 0; i < 5 * WARM; i++)
    getpid_site(), gettid_site(), geteuid_site(), clock_gettime_site(1, &time);
}

// What the kernel says of this thread, whatever its slot does.
static void check(long pid, long uid) {
  char text[4096] = "", *line;
  int fd = open("/proc/thread-self/status", O_RDONLY);
  if (read(fd, text, sizeof text - 1) <= 0) bad("no status", fd);
  close(fd);
  if (!(line = strstr(text, "\nTgid:")) || atol(line + 6) != pid) bad("another process", pid);
  if (!(line = strstr(text, "\nUid:")) || atol(line + 5) != uid) bad("another user", uid);
  if (SYS_2(SYS_kill, pid, 0)) bad("no such process", pid);
  // As an unprivileged user, whatever it says it is.
  if (uid != 0 && SYS_1(SYS_setuid, 0) != -EPERM) bad("it became root", uid);
  if (uid != 0 && SYS_1(SYS_chroot, "/") != -EPERM) bad("chroot", uid);
}

static void scribble(void) {
  for (unsigned at = RF_LOCAL; at < RF_LOCAL + 0x38; at += 4)
    *word_at(at) = next_random();
}

static void jump_in_child(uint64_t target, int round) {
  pid_t child = fork_to_jump();
  if (child == 0) {
    uint64_t r[JUMP_REGISTERS];
    for (int i = 0; i < JUMP_REGISTERS; i++)
      r[i] = next_random() % 2 ? SLOT + next_random() % 0x20000 : nasty();
    if (round & 1) r[IN_RCX] = (uint64_t)getpid_site_end;
    // r11 as the code expects it, or not.
    jump_to(target, r, round & 2 ? SLOT : nasty());
  }
  leave_behind(child);
}

static volatile int stop;

static void on_alarm(int signo) {
  (void)signo;
}

static void *scribble_over_sleeps(void *unused) {
  (void)unused;
  while (!stop) {
    *quad_at(RF_DEADLINE) = nasty();
    *quad_at(RF_DEADLINE + 8) = nasty();
    *word_at(RF_ASLEEP) = next_random() % 3;
    *word_at(RF_REQ_FLAGS) = next_random() % 8;
    HOST_6(SYS_futex, SLOT + RF_ASLEEP, 0x8a, 1, 0, 0, -1);
  }
  return NULL;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "words";
  random_state = mode[0];
  warm();
  long pid = getpid_site();
  struct timespec time;
  int status;
  if (!strcmp(mode, "words")) {
    pid_t child = fork();
    if (child == 0) {
      long me = SYS_1(SYS_set_tid_address, 0);
      if (SYS_3(SYS_setresuid, 1000, 1000, 1000)) bad("setresuid", 0);
      for (int i = 0; i < 300; i++) {
        scribble();
        *word_at(RF_LOCAL) = RF_LOCAL_CALLS;
        *word_at(RF_LOCAL_PID) = 1;
        *word_at(RF_LOCAL_UID) = *word_at(RF_LOCAL_EUID) = 0;
        getpid_site(), gettid_site(), geteuid_site(), clock_gettime_site(1, &time);
        if (i % 30 == 0) check(me, 1000);
      }
      pid_t grandchild = fork();
      // Nothing of it is passed on.
      if (grandchild == 0) {
        if (geteuid_site() != 1000) bad("a child's user", geteuid_site());
        if (getpid_site() != SYS_1(SYS_set_tid_address, 0)) bad("a child's number", getpid_site());
        _exit(0);
      }
      waitpid(grandchild, &status, 0);
      _exit(status != 0);
    }
    if (waitpid(child, &status, 0) != child || status) bad("the child", status);
    check(pid, 0);
  }
  if (!strcmp(mode, "flags")) {
    // All calls with all flags, while the words change.
    for (int i = 0; i < 3000; i++) {
      *word_at(RF_LOCAL) = next_random();
      *word_at(RF_LOCAL_ASK) = next_random() & nasty();
      *word_at(RF_TRAPS) = next_random();
      *word_at(RF_KICKED) = next_random() % 3;
      *word_at(RF_CALL_FLAGS) = next_random();
      *word_at(RF_VDSO_KICK) = next_random() % 2;
      getpid_site(), clock_gettime_site(next_random() % 16, (void *)nasty());
      SYS_2(SYS_clock_gettime, 1, SLOT + next_random() % RF_SLOT_SIZE);
    }
    *word_at(RF_KICKED) = 0;
    check(pid, 0);
  }
  if (!strcmp(mode, "stack")) {
    // A call from code that runs on the slot's own stacks.
    static const uint64_t stacks[] = {SLOT + RF_STUB_STACK + 64, SLOT + RF_ALT_STACK + RF_ALT_STACK_SIZE,
                                      SLOT + RF_ALT_STACK + 8, SLOT + 8, 0};
    for (int i = 0; i < 5; i++) {
      pid_t child = fork();
      if (child == 0) {
        ualarm(50000, 0);
        __asm__ volatile(
            "mov %0, %%rsp\n mov %1, %%rsi\n1: mov $228, %%eax\n mov $1, %%edi\n lea 1b(%%rip), %%rcx\n"
            "jmp *%2" ::"r"(stacks[i]),
            "r"(SLOT + RF_WINDOW), "r"(RF_TRAMPOLINE_ENTRY)
            : "rax", "rcx", "rsi", "rdi", "memory");
      }
      waitpid(child, &status, 0);
    }
  }
  if (!strcmp(mode, "host-vdso")) {
    // The host's vDSO on a stack in the slot, for a clock that takes a system call: it is told that there is
    // none.
    const uint64_t *image = (const uint64_t *)getauxval(AT_SYSINFO_EHDR);
    int at = 0;
    while (at < 500 && image[at] != 0x6f7364766666696e)
      at++;
    if (at < 500 && image[at + 3]) {
      uint64_t stack = SLOT + RF_WINDOW + 0x4000, result;
      __asm__ volatile("mov %%rsp, %%rbx\n mov %[stack], %%rsp\n call *%[host]\n mov %%rbx, %%rsp"
                       : "=a"(result)
                       : [host] "r"(image[at + 3]), [stack] "r"(stack), "D"(CLOCK_BOOTTIME_ALARM), "S"(&time)
                       : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
      if ((long)result >= 0) bad("the host's kernel answered", result);
    }
    check(pid, 0);
  }
  if (!strcmp(mode, "sleeps")) {
    // The words by which a sleep at the host goes on in the kernel, changed by another thread.
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {0};
    setitimer(ITIMER_REAL, &often, NULL);
    // The other thread takes no signal: a kick that found it at the stub's instruction would go unanswered (F14).
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarms, NULL);
    pthread_t other;
    pthread_create(&other, NULL, scribble_over_sleeps, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    for (int i = 0; i < 500; i++) {
      struct timespec request = {0, 300000}, left;
      long result = i % 2 ? SYS_2(SYS_nanosleep, &request, &left)
                          : SYS_4(SYS_clock_nanosleep, i / 2 % 2, i % 4 / 3, &request, &left);
      if (result != 0 && result != -EINTR) bad("a sleep", result);
    }
    stop = 1;
    setitimer(ITIMER_REAL, &never, NULL);
    pthread_join(other, NULL);
    check(pid, 0);
  }
  if (!strcmp(mode, "entries"))
    for (int round = 0; round < 4; round++)
      for (uint64_t at = round; at < 0x100; at += 4)
        jump_in_child(RF_TRAMPOLINE_ENTRY + at, round);
  if (getpid_site() != pid && !strcmp(mode, "entries")) bad("the number", getpid_site());
  say("done");
  return 0;
}
