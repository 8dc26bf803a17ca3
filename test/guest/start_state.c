// Registers, flags and stack at the first instruction of a program.
//@ cflags: -nostdlib -nostartfiles -fno-stack-protector -DFREESTANDING
typedef unsigned long u64;

static long call3(long nr, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}

static void fact(const char *name, u64 v) {
  char line[64];
  int n = 0;
  while (name[n]) {
    line[n] = name[n];
    n++;
  }
  line[n++] = ' ';
  for (int shift = 60; shift >= 0; shift -= 4)
    line[n++] = "0123456789abcdef"[v >> shift & 15];
  line[n++] = '\n';
  call3(1, 1, (long)line, n);
}

struct state {
  u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags, rsp;
};

__attribute__((used, noreturn)) void report(struct state *s) {
  fact("rax", s->rax);
  fact("rbx", s->rbx);
  fact("rcx", s->rcx);
  fact("rdx", s->rdx);
  fact("rsi", s->rsi);
  fact("rdi", s->rdi);
  fact("rbp", s->rbp);
  fact("r8", s->r8);
  fact("r9", s->r9);
  fact("r10", s->r10);
  fact("r11", s->r11);
  fact("r12", s->r12);
  fact("r13", s->r13);
  fact("r14", s->r14);
  fact("r15", s->r15);
  fact("flags", s->flags & ~2ul & 0xcd5);
  fact("stack alignment", s->rsp & 15);
  fact("argc", *(u64 *)s->rsp);
  unsigned mxcsr = 0;
  unsigned short control = 0, cs, ss, ds, es, fs, gs;
  __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
  __asm__ volatile("fnstcw %0" : "=m"(control));
  __asm__ volatile("mov %%cs, %0; mov %%ss, %1; mov %%ds, %2; mov %%es, %3; mov %%fs, %4; mov %%gs, %5"
                   : "=r"(cs), "=r"(ss), "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
  fact("mxcsr", mxcsr);
  fact("x87 control", control);
  fact("cs", cs);
  fact("ss", ss);
  fact("ds", ds);
  fact("es", es);
  fact("fs", fs);
  fact("gs", gs);
  u64 xmm[2] = {1, 1};
  __asm__ volatile("movdqu %%xmm7, %0" : "=m"(xmm));
  fact("xmm7", xmm[0] | xmm[1]);
  u64 base = 1;
  call3(158, 0x1003 /* ARCH_GET_FS */, (long)&base, 0);
  fact("fs base", base);
  call3(231, 0, 0, 0);
  __builtin_unreachable();
}

__asm__(".globl _start\n"
        "_start:\n"
        "push %rsp\n"
        "pushf\n"
        "push %r15\n push %r14\n push %r13\n push %r12\n push %r11\n push %r10\n push %r9\n push %r8\n"
        "push %rbp\n push %rdi\n push %rsi\n push %rdx\n push %rcx\n push %rbx\n push %rax\n"
        "mov %rsp, %rdi\n"
        "and $-16, %rsp\n"
        "call report\n");
