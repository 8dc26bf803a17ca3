// Entry of the stub image and the zygote's own `syscall` instructions.
#include <ringfence/layout.h>

.text
.globl zygote_start
zygote_start:
  mov %rsp, %rdi
  movabs $zygote_stack_end, %rsp   // the host's stack goes: the guest range starts empty
  xor %ebp, %ebp
  call zygote_main
  ud2

.globl zygote_syscall
zygote_syscall:
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  mov %rcx, %rdx
  mov %r8, %r10
  mov %r9, %r8
  mov 8(%rsp), %r9
  syscall
  ret

// s64 zygote_spawn(token, flags): the child keeps only registers.
.globl zygote_spawn
zygote_spawn:
  push %rdi
  push %rsi
  mov $17, %edi                    // SIGCHLD
  xor %esi, %esi
  xor %edx, %edx
  xor %r10d, %r10d
  xor %r8d, %r8d
  mov $56, %eax                    // clone
  syscall
  pop %rsi
  pop %rdi
  test %rax, %rax
  jz 1f
  ret
1:
  mov %rdi, %rbx
  mov %rsi, %r12
  call zygote_child                // on the stack of its maker, whose copy is this process's own
  mov %r12, %rsi
  mov $3, %edi                     // the zygote's socket
  mov $3, %eax                     // close
  syscall
  mov %rbx, %rdi
  movabs $stub_new_task, %rax
  jmp *%rax

.section .bss
.balign 16
  .skip 0x4000
zygote_stack_end:
.section .note.GNU-stack,"",@progbits
