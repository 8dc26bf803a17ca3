// A filter that leaves calls to the tracer (SECCOMP_RET_TRACE): it hears of them, and may let them be made, changed or not.
//@ needs: tasks
#include "tracing.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define ON(nr, verdict) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, verdict)

static void filter(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ON(SYS_getppid, SECCOMP_RET_TRACE | 77),
      ON(SYS_getuid, SECCOMP_RET_TRACE | 78),
      ON(SYS_getgid, SECCOMP_RET_ERRNO | EXDEV),
      ON(SYS_close, SECCOMP_RET_TRACE | 79),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  value("filter", SYS_3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static void child(void) {
  filter();
  yes_no("child: a parent", SYS_0(SYS_getppid) > 0);
  value("child: a user", SYS_0(SYS_getuid));
  value("child: closed", SYS_1(SYS_close, 77));
  value("child: group", SYS_0(SYS_getgid));
}

static void follow(long options) {
  int pid;
  TRACED_CHILD(pid, child());
  wait_for("first", pid);
  value("options", trace(PTRACE_SETOPTIONS, pid, 0, (void *)options));
  trace(PTRACE_CONT, pid, 0, 0);
  for (int i = 0; i < 10; i++) {
    int status = wait_for("then", pid);
    if (!WIFSTOPPED(status)) return;
    unsigned long message = 0;
    value("message", trace(PTRACE_GETEVENTMSG, pid, 0, &message));
    struct ptrace_syscall_info info = {0};
    long size = trace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info);
    say(" %lu, info %ld op %d data %u", message, size, info.op, info.seccomp.ret_data);
    struct user_regs_struct regs = registers(pid);
    if (message == 78) regs.orig_rax = -1, regs.rax = 1234;
    if (message == 79) regs.orig_rax = SYS_getgid;
    trace(PTRACE_SETREGS, pid, 0, &regs);
    trace(PTRACE_CONT, pid, 0, 0);
  }
}

int main(void) {
  follow(PTRACE_O_TRACESECCOMP);
  follow(0);
  child();
  return 0;
}
