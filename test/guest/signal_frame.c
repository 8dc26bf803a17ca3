// The signal frame: what a handler sees of the interrupted code, and what it changes there.
//@ needs: signals
#include "guest.h"
#include <ucontext.h>

static volatile long seen_rbx, seen_r15, aligned, direction, old_mask_kept;

static void handler(int signo, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *uc = context;
  greg_t *r = uc->uc_mcontext.gregs;
  unsigned long rsp, flags;
  __asm__ volatile("mov %%rsp, %0; pushfq; pop %1" : "=r"(rsp), "=r"(flags));
  aligned = ((unsigned long)__builtin_frame_address(0) & 15) == 0;
  direction = flags & 0x400;
  seen_rbx = r[REG_RBX];
  seen_r15 = r[REG_R15];
  if (signo == SIGILL) {
    r[REG_RIP] += 2; // behind ud2
    r[REG_RAX] = 0x1234;
    r[REG_R14] = 0x5678;
  }
  old_mask_kept = sigismember(&uc->uc_sigmask, SIGUSR2);
  // Registers that the interrupted code uses.
  __asm__ volatile("pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm15" ::
                       : "xmm0", "xmm7", "xmm15");
  unsigned mxcsr = 0x3f80;
  __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

int main(void) {
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGILL, &a, NULL);
  sigaction(SIGUSR1, &a, NULL);
  long rax = 1, r14 = 2, in_red_zone = 0;
  double kept = 0;
  unsigned mxcsr = 0, normal = 0x5f80;
  __asm__ volatile("ldmxcsr %0" ::"m"(normal));
  __asm__ volatile("mov $0x1111, %%rbx; mov $0x2222, %%r15; mov $3, %%r14; mov $0x4045000000000000, %%rax\n"
                   "movq %%rax, %%xmm7\n"
                   "movq $77, -120(%%rsp)\n"
                   "std; ud2; cld\n"
                   "movq -120(%%rsp), %2\n"
                   "movq %%xmm7, %3\n"
                   "mov %%r14, %1\n"
                   : "=&a"(rax), "=&r"(r14), "=&r"(in_red_zone), "=&r"(*(long *)&kept)
                   :
                   : "rbx", "r14", "r15", "xmm7", "memory", "cc");
  __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
  unsigned usual = 0x1f80;
  __asm__ volatile("ldmxcsr %0" ::"m"(usual));
  say("handler saw rbx %lx r15 %lx, aligned %ld, direction flag %ld", seen_rbx, seen_r15, aligned, direction);
  say("changed: rax %lx r14 %lx", rax, r14);
  say("kept: red zone %ld, xmm7 %d, mxcsr %x", in_red_zone, (int)kept, mxcsr);
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, &old);
  raise(SIGUSR1);
  value("the frame's mask is that of before", old_mask_kept);
  return 0;
}
