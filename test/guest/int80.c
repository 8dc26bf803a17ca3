// A 32-bit system call: a host without IA32 emulation gives SIGSEGV, and so does the sandbox.
//@ expect-differs: status=139 32-bit calls are refused whatever the host allows
//@ expect-differs: stdout the host may serve the call
//@ needs: faults
#include "guest.h"

int main(void) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
  say("answered");
  return 0;
}
