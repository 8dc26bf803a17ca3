// The stub's assembly: the one `syscall` instruction for ordinary calls, the path of a new host
// task (which has registers and nothing else), and the accesses to guest memory that may fault.
#include <ringfence/layout.h>

#define NR_close 3
#define NR_mmap 9
#define NR_munmap 11
#define NR_rt_sigreturn 15
#define NR_madvise 28
#define NR_exit_group 231
#define NR_clone 56
#define NR_sigaltstack 131
#define SIGCHLD 17
#define CLONE_PARENT 0x00008000
// VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | CHILD_CLEARTID
#define THREAD_FLAGS 0x00250f00
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
// with the address of the task's slot; who is given a chunk begins in its first one.
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
  movabs $RF_CHUNKS, %r14
  mov %r14, %rdi
  mov $RF_CHUNK_SIZE, %esi
  mov $3, %edx                       // PROT_READ | PROT_WRITE
  mov $0x11, %r10d                   // MAP_SHARED | MAP_FIXED
  mov $RF_CHUNK_FD, %r8d
  xor %r9d, %r9d
  mov $NR_mmap, %eax
  syscall
  cmp %r14, %rax
  jne 9f
  mov $RF_CHUNK_FD, %edi
  mov $NR_close, %eax
  syscall
  mov %r14, %rdi
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
  mov $RF_ZYGOTE_SIZE, %esi
  mov $NR_munmap, %eax
  syscall
  test %rax, %rax
  jnz 9f
2:
  wrgsbase %r14
  lea RF_STUB_STACK + RF_STUB_STACK_SIZE(%r14), %rsp
  // stack_t: the alternate stack in the slot
  push $RF_ALT_STACK_SIZE
  push $0
  lea RF_ALT_STACK(%r14), %rax
  push %rax
  mov %rsp, %rdi
  xor %esi, %esi
  mov $NR_sigaltstack, %eax
  syscall
  test %rax, %rax
  jnz 9f
  int3                               // on_fault posts STARTED and goes to the guest
.globl stub_started
stub_started:
  ud2
9:
  mov $1, %edi
  mov $NR_exit_group, %eax
  syscall
  ud2

// s64 stub_fork(token): a process for a copy of this address space, the zygote's child (F8).
.globl stub_fork
stub_fork:
  mov %rdi, %r9
  mov $(CLONE_PARENT | SIGCHLD), %edi
  xor %esi, %esi
  xor %edx, %edx
  xor %r10d, %r10d
  xor %r8d, %r8d
  mov $NR_clone, %eax
  syscall
  test %rax, %rax
  jz 1f
  ret
1:
  // The chunk with this stack is not mapped in the child: the token came in a register.
  mov %r9, %rdi
  mov $RF_TOKEN_MAP_CHUNK, %esi
  jmp stub_new_task

// s64 stub_thread(token, slot): a thread of this process, on the stub stack of a mapped slot.
.globl stub_thread
stub_thread:
  mov %rdi, %r9
  lea RF_HOST_TASK(%rsi), %r10       // cleared when the thread has ended
  lea RF_STUB_STACK + RF_STUB_STACK_SIZE(%rsi), %rsi
  mov $THREAD_FLAGS, %edi
  xor %edx, %edx
  xor %r8d, %r8d
  mov $NR_clone, %eax
  syscall
  test %rax, %rax
  jz 1f
  ret
1:
  mov %r9, %rdi
  xor %esi, %esi
  jmp stub_new_task

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

.globl stub_load64
stub_load64:
load64_access:
  mov (%rdi), %rax
  mov %rax, (%rsi)
  xor %eax, %eax
  ret
load64_fault:
  mov $-14, %rax
  ret

.globl stub_store_pair
stub_store_pair:
pair_first_access:
  mov %rsi, (%rdi)
pair_second_access:
  mov %rdx, 8(%rdi)
  xor %eax, %eax
  ret
pair_fault:
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

// s64 stub_op32(at, code, operand): SET ADD OR ANDN XOR, atomically; the old value or -EFAULT.
.globl stub_op32
stub_op32:
op_load_access:
  mov (%rdi), %eax
1:
  mov %eax, %ecx
  cmp $1, %esi
  jb 2f
  je 3f
  cmp $3, %esi
  jb 4f
  je 5f
  xor %edx, %ecx
  jmp 6f
2:
  mov %edx, %ecx
  jmp 6f
3:
  add %edx, %ecx
  jmp 6f
4:
  or %edx, %ecx
  jmp 6f
5:
  mov %edx, %ecx
  not %ecx
  and %eax, %ecx
6:
op_store_access:
  lock cmpxchg %ecx, (%rdi)
  jnz 1b
  mov %eax, %eax
  ret
op_fault:
  mov $-14, %rax
  ret

.section .rodata
.balign 8
.globl stub_fixups
stub_fixups:
  .quad trampoline_access, stub_lost
  .quad xsave_access, state_fault
  .quad xrstor_access, state_fault
  .quad copy_access, copy_fault
  .quad zero_access, zero_fault
  .quad string_access, string_fault
  .quad load_access, load_fault
  .quad load64_access, load64_fault
  .quad pair_first_access, pair_fault
  .quad pair_second_access, pair_fault
  .quad cmpxchg_access, cmpxchg_fault
  .quad op_load_access, op_fault
  .quad op_store_access, op_fault
  .quad 0
.section .note.GNU-stack,"",@progbits
