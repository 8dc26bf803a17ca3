// A system call changes rax, rcx and r11 alone, also where the same site has been executed often: the flags
// stay, vector registers and MXCSR too, and rcx and r11 are what the instruction leaves in them.
#include "sites.h"
#include <stddef.h>

SITE(getppid_site, 110);

struct state {
  unsigned long flags, rcx, r11, rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15;
};
struct state before, after; // named in the assembly
unsigned long result, stack_before, stack_after;

// Loads registers from `before`, calls the site, stores them in `after`.
static void call(void) {
  __asm__ volatile(
      "push %%rbx; push %%rbp; push %%r12; push %%r13; push %%r14; push %%r15\n"
      "mov %%rsp, stack_before(%%rip)\n"
      "lea before(%%rip), %%rax\n"
      "mov 24(%%rax), %%rbx; mov 32(%%rax), %%rdx; mov 40(%%rax), %%rsi; mov 48(%%rax), %%rdi\n"
      "mov 56(%%rax), %%rbp; mov 64(%%rax), %%r8; mov 72(%%rax), %%r9; mov 80(%%rax), %%r10\n"
      "mov 88(%%rax), %%r12; mov 96(%%rax), %%r13; mov 104(%%rax), %%r14; mov 112(%%rax), %%r15\n"
      "pushq (%%rax); popfq\n"
      "call getppid_site\n"
      "mov %%rsp, stack_after(%%rip)\n"
      "mov %%rax, result(%%rip)\n"
      "lea after(%%rip), %%rax\n"
      "pushfq; popq (%%rax)\n"
      "cld\n"
      "mov %%rcx, 8(%%rax); mov %%r11, 16(%%rax)\n"
      "mov %%rbx, 24(%%rax); mov %%rdx, 32(%%rax); mov %%rsi, 40(%%rax); mov %%rdi, 48(%%rax)\n"
      "mov %%rbp, 56(%%rax); mov %%r8, 64(%%rax); mov %%r9, 72(%%rax); mov %%r10, 80(%%rax)\n"
      "mov %%r12, 88(%%rax); mov %%r13, 96(%%rax); mov %%r14, 104(%%rax); mov %%r15, 112(%%rax)\n"
      "pop %%r15; pop %%r14; pop %%r13; pop %%r12; pop %%rbp; pop %%rbx\n" ::
          : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

int main(void) {
  extern const char getppid_site_end[];
  long parent = getppid();
  for (int i = 0; i < WARM; i++)
    getppid_site();
  for (size_t i = 1; i < sizeof before / 8; i++)
    ((unsigned long *)&before)[i] = 0x0123456789abcdef * (i + 3);
  // CF PF AF ZF SF OF, and DF once with each.
  static const unsigned bits[] = {0x1, 0x4, 0x10, 0x40, 0x80, 0x800, 0x400};
  int wrong = 0, flags_wrong = 0;
  for (unsigned mask = 0; mask < 128; mask++) {
    unsigned long flags = 0x202;
    for (int b = 0; b < 7; b++)
      if (mask >> b & 1) flags |= bits[b];
    before.flags = flags;
    result = 0;
    call();
    if (after.flags != flags || after.r11 != flags) flags_wrong++;
    if (result != (unsigned long)parent || stack_before != stack_after) wrong++;
    if (after.rcx != (unsigned long)getppid_site_end) wrong++;
    if (memcmp(&before.rbx, &after.rbx, sizeof before - offsetof(struct state, rbx))) wrong++;
  }
  say("flags wrong: %d", flags_wrong);
  say("others wrong: %d", wrong);

  unsigned char x[16], y[16];
  for (int i = 0; i < 16; i++)
    x[i] = i * 17;
  unsigned mxcsr = 0x3f80, control;
  __asm__ volatile("movdqu %[x], %%xmm9\n ldmxcsr %[m]\n call getppid_site\n"
                   "movdqu %%xmm9, %[y]\n stmxcsr %[c]\n"
                   : [y] "=m"(y), [c] "=m"(control)
                   : [x] "m"(x), [m] "m"(mxcsr)
                   : "rax", "rcx", "r11", "memory", "xmm9");
  yes_no("a vector register is kept", memcmp(x, y, 16) == 0);
  say("mxcsr %x", control);
  return 0;
}
