// The stub's assembly: the one `syscall` instruction for ordinary calls, the path of a new host
// task (which has registers and nothing else), and the accesses to guest memory that may fault.
#include <ringfence/layout.h>

#define NR_close 3
#define NR_mmap 9
#define NR_munmap 11
#define NR_rt_sigreturn 15
#define NR_madvise 28
#define NR_exit_group 231
#define MADV_DONTFORK 10

.text

// s64 stub_syscall(nr, a0..a5)
.globl stub_syscall
stub_syscall:
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  mov %rcx, %rdx
  mov %r8, %r10
  mov %r9, %r8
  mov 8(%rsp), %r9
  syscall
  ret

// A new host task: in rdi its one-shot token, in rsi RF_TOKEN_* bits. It has no memory that it may
// rely on: its parent's chunk is not inherited (F7). The token call is answered by the supervisor
// with the address of the task's slot.
.globl stub_new_task
stub_new_task:
  mov %rsi, %r13
  mov $RF_NR_TOKEN, %eax
  syscall
  test %rax, %rax
  jle 9f
  mov %rax, %r14
  test $RF_TOKEN_MAP_CHUNK, %r13d
  jz 1f
  movabs $RF_CHUNKS, %rax
  mov %r14, %r12
  sub %rax, %r12
  shr $17, %r12
  add $RF_DONATED_FD, %r12           // the donated descriptor's number
  mov %r14, %r15
  and $-RF_CHUNK_SIZE, %r15
  mov %r15, %rdi
  mov $RF_CHUNK_SIZE, %esi
  mov $3, %edx                       // PROT_READ | PROT_WRITE
  mov $0x11, %r10d                   // MAP_SHARED | MAP_FIXED
  mov %r12, %r8
  xor %r9d, %r9d
  mov $NR_mmap, %eax
  syscall
  cmp %r15, %rax
  jne 9f
  mov %r12, %rdi
  mov $NR_close, %eax
  syscall
  mov %r15, %rdi
  mov $RF_CHUNK_SIZE, %esi
  mov $MADV_DONTFORK, %edx
  mov $NR_madvise, %eax
  syscall
  test %rax, %rax
  jnz 9f
1:
  test $RF_TOKEN_UNMAP_ZYGOTE, %r13d
  jz 2f
  movabs $RF_ZYGOTE_TEXT, %rdi
  movabs $0x100000000, %rsi
  mov $NR_munmap, %eax
  syscall
  test %rax, %rax
  jnz 9f
2:
  wrgsbase %r14
  lea RF_STUB_STACK + RF_STUB_STACK_SIZE(%r14), %rsp
  xor %ebp, %ebp
  mov %r14, %rdi
  call stub_started
  ud2
9:
  mov $1, %edi
  mov $NR_exit_group, %eax
  syscall
  ud2

// void stub_sigreturn(u64 frame): rt_sigreturn expects the stack pointer at the ucontext.
.globl stub_sigreturn
stub_sigreturn:
  mov %rdi, %rsp
.globl stub_restorer
stub_restorer:
  mov $NR_rt_sigreturn, %eax
  syscall
  ud2

.globl stub_copy
stub_copy:
  mov %rdx, %rcx
copy_access:
  rep movsb
copy_fault:
  mov %rcx, %rax
  ret

.globl stub_zero
stub_zero:
  mov %rsi, %rcx
  xor %eax, %eax
zero_access:
  rep stosb
zero_fault:
  mov %rcx, %rax
  ret

.globl stub_copy_string
stub_copy_string:
  xor %eax, %eax
1:
  cmp %rdx, %rax
  jae 2f
string_access:
  movzbl (%rsi,%rax), %ecx
  movb %cl, (%rdi,%rax)
  inc %rax
  test %cl, %cl
  jnz 1b
2:
  ret
string_fault:
  bts $63, %rax
  ret

.globl stub_load32
stub_load32:
load_access:
  mov (%rdi), %eax
  ret
load_fault:
  mov $-14, %rax
  ret

.globl stub_cmpxchg32
stub_cmpxchg32:
  mov %esi, %eax
cmpxchg_access:
  lock cmpxchg %edx, (%rdi)
  mov %eax, %eax
  ret
cmpxchg_fault:
  mov $-14, %rax
  ret

.section .rodata
.balign 8
.globl stub_fixups
stub_fixups:
  .quad copy_access, copy_fault
  .quad zero_access, zero_fault
  .quad string_access, string_fault
  .quad load_access, load_fault
  .quad cmpxchg_access, cmpxchg_fault
  .quad 0
.section .note.GNU-stack,"",@progbits
