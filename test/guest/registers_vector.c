// Floating-point and vector registers, and their control words, stay across system calls.
//@ cflags: -mavx
//@ needs: clocks
#include "guest.h"
#include <cpuid.h>

static unsigned char out[16][32], in[16][32];

static void compare(const char *what, long nr, long a, long b) {
  for (int r = 0; r < 16; r++)
    for (int i = 0; i < 32; i++)
      in[r][i] = r * 32 + i + 1;
  unsigned mxcsr = 0x1f80 | 0x6000, mxcsr_after = 0, normal = 0x1f80;
  unsigned short control = 0x027f, control_after = 0, initial = 0x037f;
  double x87 = 1.5, x87_after = 0;
  __asm__ volatile("ldmxcsr %0; fldcw %1; fldl %2" ::"m"(mxcsr), "m"(control), "m"(x87));
  __asm__ volatile(
      "vmovdqu 0(%0), %%ymm0; vmovdqu 32(%0), %%ymm1; vmovdqu 64(%0), %%ymm2; vmovdqu 96(%0), %%ymm3\n"
      "vmovdqu 128(%0), %%ymm4; vmovdqu 160(%0), %%ymm5; vmovdqu 192(%0), %%ymm6; vmovdqu 224(%0), %%ymm7\n"
      "vmovdqu 256(%0), %%ymm8; vmovdqu 288(%0), %%ymm9; vmovdqu 320(%0), %%ymm10; vmovdqu 352(%0), %%ymm11\n"
      "vmovdqu 384(%0), %%ymm12; vmovdqu 416(%0), %%ymm13; vmovdqu 448(%0), %%ymm14; vmovdqu 480(%0), "
      "%%ymm15\n"
      "syscall\n"
      "vmovdqu %%ymm0, 0(%1); vmovdqu %%ymm1, 32(%1); vmovdqu %%ymm2, 64(%1); vmovdqu %%ymm3, 96(%1)\n"
      "vmovdqu %%ymm4, 128(%1); vmovdqu %%ymm5, 160(%1); vmovdqu %%ymm6, 192(%1); vmovdqu %%ymm7, 224(%1)\n"
      "vmovdqu %%ymm8, 256(%1); vmovdqu %%ymm9, 288(%1); vmovdqu %%ymm10, 320(%1); vmovdqu %%ymm11, 352(%1)\n"
      "vmovdqu %%ymm12, 384(%1); vmovdqu %%ymm13, 416(%1); vmovdqu %%ymm14, 448(%1); vmovdqu %%ymm15, "
      "480(%1)\n"
      "vzeroupper\n" ::"r"(in),
      "r"(out), "a"(nr), "D"(a), "S"(b)
      : "rcx", "r11", "memory");
  __asm__ volatile("fstpl %0; fnstcw %1; stmxcsr %2"
                   : "=m"(x87_after), "=m"(control_after), "=m"(mxcsr_after));
  __asm__ volatile("fldcw %0; ldmxcsr %1" ::"m"(initial), "m"(normal));
  yes_no(what, memcmp(in, out, sizeof in) == 0);
  say(" mxcsr %x, x87 control %x, top of stack %d", mxcsr_after, control_after, (int)(x87_after * 10));
}

int main(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_AVX)) {
    say("no AVX here");
    return 0;
  }
  compare("getppid", SYS_getppid, 0, 0);
  compare("unknown call", 999, 0, 0);
  struct timespec t = {0, 2000000};
  compare("a call that sleeps", SYS_nanosleep, (long)&t, 0);
  compare("a call that copies", SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t);
  return 0;
}
