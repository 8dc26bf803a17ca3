// A system call changes rax, rcx and r11 alone; flags, fs base, stack and red zone stay.
#include "guest.h"

struct general {
  unsigned long rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15, flags, rax, rsp;
};

struct general before, after;
static unsigned long saved_rsp, saved_rbp;

// Loads every register from `before`, makes system call `nr`, stores them in `after`.
static void call_with(long nr) {
  before.rax = nr;
  __asm__ volatile("push %%rbx; push %%r12; push %%r13; push %%r14; push %%r15; push %%rbp\n"
                   "mov %%rsp, %[rsp]; mov %%rbp, %[rbp]\n"
                   "pushq %[flags]; popfq\n"
                   "mov 0(%[in]), %%rbx; mov 8(%[in]), %%rdx; mov 16(%[in]), %%rsi; mov 24(%[in]), %%rdi\n"
                   "mov 32(%[in]), %%rbp; mov 40(%[in]), %%r8; mov 48(%[in]), %%r9; mov 56(%[in]), %%r10\n"
                   "mov 64(%[in]), %%r12; mov 72(%[in]), %%r13; mov 80(%[in]), %%r14; mov 88(%[in]), %%r15\n"
                   "mov 104(%[in]), %%rax\n"
                   "syscall\n"
                   "mov %%rax, after+104(%%rip)\n"
                   "mov %%rsp, after+112(%%rip)\n"
                   "mov %%rbp, after+32(%%rip)\n"
                   "mov %%rbx, after+0(%%rip)\n"
                   "lea after(%%rip), %%rbx\n"
                   "mov %%rdx, 8(%%rbx); mov %%rsi, 16(%%rbx); mov %%rdi, 24(%%rbx)\n"
                   "mov %%r8, 40(%%rbx); mov %%r9, 48(%%rbx); mov %%r10, 56(%%rbx)\n"
                   "mov %%r12, 64(%%rbx); mov %%r13, 72(%%rbx); mov %%r14, 80(%%rbx); mov %%r15, 88(%%rbx)\n"
                   "pushfq; popq 96(%%rbx)\n"
                   "cld\n"
                   "pop %%rbp; pop %%r15; pop %%r14; pop %%r13; pop %%r12; pop %%rbx\n"
                   : [rsp] "=m"(saved_rsp), [rbp] "=m"(saved_rbp)
                   : [in] "a"(&before), [flags] "m"(before.flags)
                   : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

static void compare(const char *what, unsigned long flags, long nr) {
  for (size_t i = 0; i < sizeof before / 8; i++)
    ((unsigned long *)&before)[i] = 0x1111111111111111 * (i + 1);
  before.flags = 0x202 | flags;
  call_with(nr);
  int same = before.rbx == after.rbx && before.rdx == after.rdx && before.rsi == after.rsi &&
             before.rdi == after.rdi && before.rbp == after.rbp && before.r8 == after.r8 &&
             before.r9 == after.r9 && before.r10 == after.r10 && before.r12 == after.r12 &&
             before.r13 == after.r13 && before.r14 == after.r14 && before.r15 == after.r15;
  yes_no(what, same);
  yes_no(" stack pointer", saved_rsp == after.rsp);
  say(" flags %lx", after.flags & 0xed5);
}

// Leaves a pattern below its stack pointer, and looks for it after a system call.
static int red_zone_kept(void) {
  unsigned long wrong;
  __asm__ volatile("mov $16, %%ecx\n"
                   "1: mov %%rcx, -128-8(%%rsp,%%rcx,8)\n"
                   "dec %%ecx; jnz 1b\n"
                   "mov $39, %%eax; syscall\n"
                   "xor %0, %0\n"
                   "mov $16, %%ecx\n"
                   "2: cmp %%rcx, -128-8(%%rsp,%%rcx,8)\n"
                   "je 3f; inc %0\n"
                   "3: dec %%ecx; jnz 2b\n"
                   : "=&r"(wrong)::"rax", "rcx", "r11", "memory", "cc");
  return wrong == 0;
}

int main(void) {
  compare("getppid", 0, SYS_getppid);
  compare("getppid with carry, parity, zero, sign, overflow", 0x8c5, SYS_getppid);
  compare("getppid with the direction flag", 0x400, SYS_getppid);
  compare("unknown call", 0x8c5, 999);
  compare("failing call", 0, SYS_close);
  yes_no("red zone", red_zone_kept());
  unsigned long fs, again;
  __asm__("rdfsbase %0" : "=r"(fs));
  SYS_0(SYS_getppid);
  __asm__ volatile("rdfsbase %0" : "=r"(again));
  yes_no("fs base", fs == again);
  return 0;
}
