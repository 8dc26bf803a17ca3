// The way of a patched call site: its trampoline has executed the instruction that the jump replaced and
// comes here, and the call goes back by a jump. No host call is made, no guest memory but the call's own pieces
// is touched, and all registers but rax, rcx and r11 come back, the flags too: inline assembly relies on them.
//
//   in:  rax  the number       rcx  address behind the site's syscall instruction       r11  free
//   out: rax  the result       rcx  that address       r11  the flags, as the instruction leaves them
//
// A call that the thread can answer by itself (stub_local.c) goes back at once, or after a short way through C.
//
// A kick (on_kick, stub_signals.c) may come at any of these instructions. Up to the reply it only leaves a mark in
// the slot; between the look at that mark and the last jump it sends the thread back to the look.
#include <ringfence/layout.h>

#define REP_RET 1

// The flags go into the upper half of rax before anything changes them. There is no stack yet.
.macro flags_beside_number
  mov %eax, %r11d
  lahf
  seto %al
  movzwl %ax, %eax
  shl $32, %rax
  or %r11, %rax
.endm

.text
// RF_TRAMPOLINE_ENTRY: stub.ld puts this file first.
.globl stub_trampoline
stub_trampoline:
  flags_beside_number
trampoline_number:
  rdgsbase %r11
  // A program may have a block of its own that begins with its address.
  test $(RF_SLOT_SIZE - 1), %r11d
  jnz stub_lost
.globl trampoline_access
trampoline_access:
  cmp %r11, %gs:RF_SELF
  jne stub_lost
  mov %rsp, RF_RSP(%r11)
  lea RF_STUB_STACK + RF_STUB_STACK_SIZE(%r11), %rsp
  mov %rcx, RF_RCX(%r11)
  mov %rcx, RF_RIP(%r11)
  mov %rdx, RF_RDX(%r11)
  mov %rax, RF_RAX(%r11)
  // ecx: how the thread can answer the call by itself, 0: it cannot.
  mov %eax, %edx
  xor %ecx, %ecx
  cmp $RF_KP_MARSHAL_COUNT, %edx
  jae trampoline_save
  testb $RF_LOCAL_CALLS, RF_LOCAL(%r11)
  jz trampoline_save
  lea stub_local_calls(%rip), %rcx
  movzbl (%rcx, %rdx), %ecx
  lea -1(%rcx), %edx
  cmp $RF_LOCAL_NUMBERS - 1, %edx
  jae trampoline_save
  test %rax, %rax
  js trampoline_save                 // trapped

// The answer is one of the slot's words. A kick sends the thread from here to stub_again, and so does one that came
// before: the call becomes a request.
.globl stub_number
stub_number:
  cmpl $0, RF_KICKED(%r11)
  jne stub_again
  mov (%r11, %rcx), %ecx
  shr $32, %rax
  add $127, %al                      // overflows where OF was set
  sahf
  mov %ecx, %eax
  pushfq
  pop %r11
  mov %gs:RF_RDX, %rdx
  mov %gs:RF_RCX, %rcx
  mov %gs:RF_RSP, %rsp
  jmp *%rcx
.globl stub_numbered
stub_numbered:

.globl stub_again
stub_again:
  rdgsbase %r11
  mov RF_RAX(%r11), %rax
  lea RF_STUB_STACK + RF_STUB_STACK_SIZE(%r11), %rsp
  xor %ecx, %ecx

trampoline_save:
  pushfq
  cld
  mov %r15, RF_R15(%r11)
  mov %r14, RF_R14(%r11)
  mov %r13, RF_R13(%r11)
  mov %r12, RF_R12(%r11)
  mov %rbp, RF_RBP(%r11)
  mov %rbx, RF_RBX(%r11)
  mov %r10, RF_R10(%r11)
  mov %r9, RF_R9(%r11)
  mov %r8, RF_R8(%r11)
  mov %rsi, RF_RSI(%r11)
  mov %rdi, RF_RDI(%r11)
  mov %r11, %rdi
  mov %rax, %rsi
  pop %rdx
  call on_patched_call
  test %eax, %eax
  jnz stub_trapped

// What C preserves is as it was. From here to the end everything can be done twice.
.globl stub_leave
stub_leave:
  rdgsbase %r11
  cmpl $0, RF_KICKED(%r11)
  jne trampoline_kicked
  mov RF_CALL_FLAGS(%r11), %eax
  add $127, %al                      // overflows where OF was set
  sahf
  mov RF_R10(%r11), %r10
  mov RF_R9(%r11), %r9
  mov RF_R8(%r11), %r8
  mov RF_RDX(%r11), %rdx
  mov RF_RSI(%r11), %rsi
  mov RF_RDI(%r11), %rdi
  mov RF_RAX(%r11), %rax
  mov RF_RIP(%r11), %rcx
  mov RF_RSP(%r11), %rsp
  mov RF_EFLAGS(%r11), %r11
  jmp *%rcx
.globl stub_left
stub_left:

trampoline_kicked:
  mov $REP_RET, %eax
// The reply, in eax, takes a signal frame to carry out: on_fault goes on with it. By SIGSEGV, since a new task's first
// instruction, which may be one of the things to do, raises SIGTRAP, and hypervisors look at each ud2.
.globl stub_trapped
stub_trapped:
  hlt

// All registers from the slot's frame, whose end is laid out as iretq takes it. Can be done twice, as stub_leave.
.globl stub_resume, stub_resuming
stub_resume:
stub_resuming:
  rdgsbase %r11
  cmpl $0, RF_KICKED(%r11)
  jne resume_kicked
  mov RF_R15(%r11), %r15
  mov RF_R14(%r11), %r14
  mov RF_R13(%r11), %r13
  mov RF_R12(%r11), %r12
  mov RF_RBP(%r11), %rbp
  mov RF_RBX(%r11), %rbx
  mov RF_R10(%r11), %r10
  mov RF_R9(%r11), %r9
  mov RF_R8(%r11), %r8
  mov RF_RAX(%r11), %rax
  mov RF_RCX(%r11), %rcx
  mov RF_RDX(%r11), %rdx
  mov RF_RSI(%r11), %rsi
  mov RF_RDI(%r11), %rdi
  lea RF_RIP(%r11), %rsp
  mov RF_R11(%r11), %r11
  iretq
.globl stub_resumed
stub_resumed:

resume_kicked:
  xor %eax, %eax
  jmp stub_trapped

// s64 stub_xsave(at, features), s64 stub_xrstor(at, features): the thread's floating-point state; 0, or -EFAULT.
.globl stub_xsave
stub_xsave:
  mov %esi, %eax
  mov %rsi, %rdx
  shr $32, %rdx
.globl xsave_access
xsave_access:
  xsave64 (%rdi)
  xor %eax, %eax
  ret
.globl stub_xrstor
stub_xrstor:
  mov %esi, %eax
  mov %rsi, %rdx
  shr $32, %rdx
.globl xrstor_access
xrstor_access:
  xrstor64 (%rdi)
  xor %eax, %eax
  ret
.globl state_fault
state_fault:
  mov $-14, %rax
  ret

// Where a tracer sends a caught call, with the registers as the syscall instruction leaves them but the number in rax:
// the same way, and the request says that it trapped (bit 63). A thread that is being stepped it sends one byte before:
// on_fault goes on with that call, since the trap flag would be lost with the step that ends here.
.globl stub_traced, stub_stepped
stub_stepped:
  hlt
stub_traced:
  flags_beside_number
  bts $63, %rax
  jmp trampoline_number

// void stub_leave_handler(slot, fpstate, features): leaves a signal handler as rt_sigreturn would, without the host:
// the floating-point state comes from the signal frame, all else from the slot's.
.globl stub_leave_handler
stub_leave_handler:
  mov %edx, %eax
  shr $32, %rdx
  xrstor64 (%rsi)
  mov RF_R15(%rdi), %r15
  mov RF_R14(%rdi), %r14
  mov RF_R13(%rdi), %r13
  mov RF_R12(%rdi), %r12
  mov RF_RBP(%rdi), %rbp
  mov RF_RBX(%rdi), %rbx
  jmp stub_leave

// The gs base is not this thread's slot (F17): the alternate stack knows it.
.globl stub_lost
stub_lost:
  hlt

.section .note.GNU-stack,"",@progbits
