// Call sites in functions of their own, which have unwind entries as compilers make them: what a sandbox
// patches.
#ifndef RINGFENCE_SITES_H
#define RINGFENCE_SITES_H

#include "guest.h"

// long NAME(void): one system call by `mov $nr, %eax; syscall`. NAME_call is the address of its syscall
// instruction.
#define SITE(name, nr) SITE_WITH((void), name, nr)
#define SITE_WITH(parameters, name, nr)                                                                      \
  long name parameters;                                                                                      \
  extern const char name##_call[];                                                                           \
  __asm__(".text\n.balign 64\n.globl " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n"    \
          "mov $" #nr ", %eax\n.globl " #name "_call\n" #name "_call: syscall\n.globl " #name "_end\n" #name \
          "_end: ret\n.cfi_endproc\n.size " #name ", .-" #name "\n")

// As SITE, with a test and a conditional jump between the number and the syscall.
#define CHAINED_SITE(name, nr)                                                                               \
  long name(void);                                                                                           \
  extern const char name##_call[];                                                                           \
  __asm__(".text\n.balign 64\n.globl " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n"    \
          "mov $" #nr ", %eax\ntest %eax, %eax\nje " #name "_end\n.globl " #name "_call\n" #name             \
          "_call: syscall\n.globl " #name "_end\n" #name "_end: ret\n.cfi_endproc\n.size " #name             \
          ", .-" #name "\n")

// A raw call as Go's programs make it: long NAME(nr, a, b, c, ...). NAME_border lies between the last two moves.
#define BORDER_SITE(name)                                                                                    \
  long name(long nr, long a, long b, long c);                                                                \
  extern const char name##_border[], name##_call[];                                                          \
  __asm__(".text\n.balign 64\n.globl " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n"    \
          "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\n.globl " #name "_border\n" #name                  \
          "_border: mov %rcx, %rdx\n.globl " #name "_call\n" #name                                           \
          "_call: syscall\nret\n.cfi_endproc\n.size " #name ", .-" #name "\n")

// Calls it until a sandbox that patches has done so.
#define WARM 200

#endif
