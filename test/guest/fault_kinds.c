// Faults without a handler: the signal that ends the process, after what was printed before it.
//@ args: null-read
//@ args: null-write
//@ args: null-call
//@ args: text-write
//@ args: read-only-write
//@ args: no-access
//@ args: unmapped
//@ args: data-execute
//@ args: not-canonical
//@ args: kernel-address
//@ args: divide
//@ args: divide-overflow
//@ args: illegal
//@ args: breakpoint
//@ args: privileged
//@ args: port
//@ args: alignment
//@ args: stack-overflow
//@ args: sse-exception
//@ args: single-step
//@ args: window-read
//@ args: vsyscall-read
//@ args: vsyscall-inside
//@ needs: faults
#include "guest.h"

static volatile long sink;

__attribute__((noinline)) static long deep(long n) {
  if (n < 0) return 0;
  volatile char frame[4096];
  frame[0] = n;
  return deep(n + 1) + frame[0];
}

static int is(const char *a, const char *b) {
  return strcmp(a, b) == 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  say("%s", what);
  char *area = pages(1);
  if (is(what, "null-read")) sink = *(volatile long *)0;
  if (is(what, "null-write")) *(volatile long *)0 = 1;
  if (is(what, "null-call")) ((void (*)(void))0)();
  if (is(what, "text-write")) *(volatile char *)main = 1;
  if (is(what, "read-only-write")) {
    SYS_3(SYS_mprotect, area, PAGE, PROT_READ);
    *(volatile char *)area = 1;
  }
  if (is(what, "no-access")) sink = *(volatile char *)(area - 1);
  if (is(what, "unmapped")) sink = *(volatile char *)0x10000000;
  if (is(what, "data-execute")) {
    area[0] = (char)0xc3;
    ((void (*)(void))area)();
  }
  if (is(what, "not-canonical")) sink = *(volatile long *)0x8000000000000000;
  if (is(what, "kernel-address")) sink = *(volatile long *)0xffff888000000000;
  if (is(what, "divide"))
    __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx" ::: "rax", "rcx", "rdx");
  if (is(what, "divide-overflow"))
    __asm__ volatile("mov $-1, %%ecx; mov $0x80000000, %%eax; cltd; idiv %%ecx" ::: "rax", "rcx", "rdx");
  if (is(what, "illegal")) __asm__ volatile("ud2");
  if (is(what, "breakpoint")) __asm__ volatile("int3");
  if (is(what, "privileged")) __asm__ volatile("hlt");
  if (is(what, "port")) __asm__ volatile("in %%dx, %%al" ::: "rax");
  if (is(what, "alignment"))
    __asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; mov 1(%0), %%eax" ::"r"(area) : "rax");
  if (is(what, "stack-overflow")) sink = deep(0);
  if (is(what, "sse-exception")) {
    unsigned mxcsr = 0x1d80; // division by zero is not masked
    __asm__ volatile(
        "ldmxcsr %0; xorps %%xmm1, %%xmm1; mov $1, %%eax; cvtsi2ss %%eax, %%xmm0; divss %%xmm1, %%xmm0" ::"m"(
            mxcsr)
        : "rax", "xmm0", "xmm1");
  }
  if (is(what, "single-step")) __asm__ volatile("pushfq; orl $0x100, (%rsp); popfq; nop");
  if (is(what, "window-read")) sink = *(volatile long *)0x552f00000000;
  if (is(what, "vsyscall-read")) sink = *(volatile char *)0xffffffffff600000;
  if (is(what, "vsyscall-inside")) ((void (*)(void))0xffffffffff600002)();
  say("still here");
  return 0;
}
