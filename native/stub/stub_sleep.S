// The host's call with which a guest's own thread sleeps, for as long as the guest wants and not the kernel. A kick
// must not find it between its last look at RF_KICKED and the call, for nobody would look again: on_kick
// (stub_signals.c) sends a thread that stands in that range behind the call, which is then not made. A kick that comes
// in the call ends it with EINTR.
#include <ringfence/layout.h>

#define NR_futex 202

.text

// s64 stub_sleep(slot, word, op, value, time, bits): futex(2), one of the waits; NOT_SLEPT (1) if a kick came before.
.globl stub_sleep
stub_sleep:
  mov %rdi, %r11
  mov %rsi, %rdi
  mov %rdx, %rsi
  mov %rcx, %rdx
  mov %r8, %r10
  xor %r8d, %r8d
  mov $NR_futex, %eax
.globl stub_sleep_look
stub_sleep_look:
  cmpl $0, RF_KICKED(%r11)
  jne stub_not_slept
  syscall
.globl stub_slept
stub_slept:
  ret
.globl stub_not_slept
stub_not_slept:
  mov $1, %eax
  ret

.section .note.GNU-stack,"",@progbits
