// arch_prctl: the fs base, and what is refused.
//@ needs: identity
#include "guest.h"

enum {
  SET_GS = 0x1001,
  SET_FS = 0x1002,
  GET_FS = 0x1003,
  GET_GS = 0x1004,
  GET_CPUID = 0x1011,
  SET_CPUID = 0x1012
};

int main(void) {
  unsigned long fs = 0, own;
  value("GET_FS", SYS_2(SYS_arch_prctl, GET_FS, &fs));
  __asm__("mov %%fs:0, %0" : "=r"(own));
  yes_no("it is where libc's thread block is", fs == own);
  value("GET_FS bad address", SYS_2(SYS_arch_prctl, GET_FS, 8));
  value("SET_FS not canonical", SYS_2(SYS_arch_prctl, SET_FS, 1L << 60));
  value("SET_FS kernel address", SYS_2(SYS_arch_prctl, SET_FS, -4096L));
  // A block of our own; nothing of libc runs until the old one is back.
  static unsigned long block[64];
  block[0] = (unsigned long)block;
  block[5] = 4711; // the stack protector's word, for whoever reads it
  unsigned long seen = 0;
  long r = SYS_2(SYS_arch_prctl, SET_FS, block);
  __asm__ volatile("mov %%fs:40, %0" : "=r"(seen));
  long back = SYS_2(SYS_arch_prctl, SET_FS, fs);
  value("SET_FS", r);
  value("read through it", seen);
  value("set back", back);
  __asm__ volatile("wrfsbase %0" ::"r"(block));
  __asm__ volatile("mov %%fs:0, %0" : "=r"(seen));
  unsigned long told = 0;
  SYS_2(SYS_arch_prctl, GET_FS, &told);
  __asm__ volatile("wrfsbase %0" ::"r"(fs));
  yes_no("wrfsbase works", seen == (unsigned long)block);
  yes_no("and GET_FS knows of it", told == (unsigned long)block);
  value("unknown code", SYS_2(SYS_arch_prctl, 0x7777, 0));
  return 0;
}
