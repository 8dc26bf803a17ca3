// F15: 32-bit system calls and 32-bit code end in SIGSEGV.
//@ args: int80
//@ args: far-int80
//@ args: far-sysenter
//@ args: far-syscall
//@ ends: 132 139
#include "hostile.h"

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "int80";
  if (strcmp(mode, "int80") == 0) {
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20), "b"(0) : "memory");
    bad("int 0x80", r);
    return 0;
  }
  long at = map_at((void *)0x20000000, 2 * PAGE, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE);
  if (failed(at)) _exit(97);
  // mov $20, %eax (getpid of i386); the call; then a jump back to 64-bit code.
  unsigned char *code = (unsigned char *)at;
  unsigned char *p = code;
  *p++ = 0xb8, *p++ = 20, *p++ = 0, *p++ = 0, *p++ = 0;
  if (strcmp(mode, "far-int80") == 0) *p++ = 0xcd, *p++ = 0x80;
  if (strcmp(mode, "far-sysenter") == 0) *p++ = 0x89, *p++ = 0xe5, *p++ = 0x0f, *p++ = 0x34;
  if (strcmp(mode, "far-syscall") == 0) *p++ = 0x0f, *p++ = 0x05;
  *p++ = 0xea; // ljmp $0x33, code + 64
  *(uint32_t *)p = at + 64, p += 4;
  *p++ = 0x33, *p++ = 0;
  code[64] = 0xc3;
  struct {
    uint32_t offset;
    uint16_t selector;
  } __attribute__((packed)) target = {at, 0x23};
  long r;
  __asm__ volatile("mov %%rsp, %%r12\n"
                   "lea 1f(%%rip), %%rdx\n"
                   "lea %[stack], %%rsp\n" // a stack below 4 GiB
                   "push %%rdx\n"
                   "ljmp *%[target]\n"
                   "1: mov %%r12, %%rsp\n"
                   : "=a"(r)
                   : [target] "m"(target), [stack] "m"(*(char *)(at + 2 * PAGE - 64))
                   : "r12", "rdx", "rcx", "r11", "rbp", "memory");
  bad("32-bit code made a system call", r);
  return 0;
}
