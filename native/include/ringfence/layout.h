// Layout of all memory that stubs and kernel threads share: the stub window, slots, chunks and
// the kernel page. src/shared/ring/layout.ts states the same numbers for TypeScript; the test
// test/unit/layout.test.ts compiles a C program that prints these and compares them.
//
// Everything that a stub can write is hostile input for the kernel: read once, validate, use.
#ifndef RINGFENCE_LAYOUT_H
#define RINGFENCE_LAYOUT_H
// clang-format off

// ---- The stub window: guest addresses never lie in it; seccomp filters compare high words. ----
// Every sanitizer of gcc and clang for x86-64 lays shadows and guards over most of the 47 bits. What is free in all of
// them is where position-independent programs are, from 0x550000000000 to 0x568000000000 (ThreadSanitizer guards all
// around it; AddressSanitizer's allocator may end, MemorySanitizer's shadow does end before it); the window lies in it,
// 8 GiB and more above its begin, and below the lowest address of such a program, 0x555555554000.
#define RF_WINDOW_BASE 0x552000000000
#define RF_WINDOW_END 0x554000000000
#define RF_STUB_TEXT 0x552000000000    // code and constants of the stub, the only memory it brings
#define RF_TRAMPOLINE_ENTRY 0x552000000000  // where the trampolines of patched call sites lead: its first instruction
#define RF_ZYGOTE_TEXT 0x552100000000  // code and data of the zygote; unmapped in every stub
#define RF_ZYGOTE_SIZE 0xfffff000      // of what is unmapped
#define RF_HOST_VDSO 0x552200000000    // the host's vvar, vvar_vclock and vdso, moved here together
#define RF_KERNEL_PAGE 0x552300000000  // read-only view of the kernel page
#define RF_CHUNKS 0x553000000000       // chunk k of an address space at RF_CHUNKS + k * RF_CHUNK_SIZE
#define RF_TASK_SIZE 0x7ffffffff000    // Linux's TASK_SIZE on x86-64 with 4-level page tables

// ---- Slots and chunks: one slot a guest thread, one or more chunks an address space. ----
#define RF_SLOT_SIZE 0x20000
#define RF_CHUNK_SLOTS 8
#define RF_CHUNK_SIZE 0x100000
#define RF_CHUNKS_PER_SPACE 512  // 4 096 threads in one address space
#define RF_GUEST_CHUNKS 4095     // places in the guest SAB; the last one holds the kernel page
#define RF_KERNEL_PAGE_CHUNK 4095

#define RF_SELF 0x000  // u64: address of this slot in the stub, compared with the gs base

// Beside it, since every call reads that line and nothing else moves it: what the thread answers by itself, without a
// request (F19). Written by the kernel, which reads none of it: whoever scribbles over it deceives itself.
#define RF_LOCAL 0x008      // u32: RF_LOCAL_...; 0 while somebody watches the thread's calls
#define RF_LOCAL_CALLS 1    // the calls of stub_local.c, with the numbers below
#define RF_LOCAL_ASK 0x00c  // u32: mask: a trapped call is posted where RF_TRAPS has none of these bits
#define RF_LOCAL_PID 0x010   // u32
#define RF_LOCAL_TID 0x014   // u32
#define RF_LOCAL_UID 0x018   // u32
#define RF_LOCAL_EUID 0x01c  // u32
#define RF_LOCAL_GID 0x020   // u32
#define RF_LOCAL_EGID 0x024  // u32
#define RF_LOCAL_NUMBERS 64  // in the table of calls: less is a word of the slot

// Written by the stub, beside its request's record (RF_REQUESTS).
#define RF_REQ_COUNT 0x044    // u32: OPS_DONE: operations completed
#define RF_REQ_VALUE 0x048    // i64: OPS_DONE: result of the last one; COPY_READY, OUT_FAULT: bytes
#define RF_REQ_IN_LENGTH 0x050  // u32[2]: bytes copied of each in piece; bit 31: the copy faulted
#define RF_REQ_CPU 0x058      // u32: CPU on which the request was posted
#define RF_REQ_FLAGS 0x05c    // u32: RF_REQ_...
#define RF_REQ_VSYSCALL 1     // the call came from the vsyscall page
#define RF_REQ_BEGUN 2        // the stub waited at the host, until a kick came; of a futex, whose word had the value
#define RF_REQ_TIMED 4        // ... and RF_DEADLINE is when the wait is to end
#define RF_REQ_FP_SAVED 8     // RF_FP holds the floating-point state: a call that may make a thread has trapped
#define RF_REQ_FP_SIZE 0x060  // u32: bytes of the thread's floating-point state in a signal frame
#define RF_VDSO_KICK 0x064    // u32: a kick came while the host's vDSO ran; the guest's vDSO looks at it behind
#define RF_KICKED 0x068       // u32: a kick came while a call ran that goes back by a jump; looked at before the jump
#define RF_CALL_FLAGS 0x06c   // u32: of such a call: bits 0-7 OF, 8-15 the flags that LAHF gives, 16 answered here
#define RF_TRAPS 0x070        // u32: a random number for each trapped call that the thread could answer by itself
#define RF_FP_FEATURES 0x078  // u64: what a signal frame has of its floating-point state; 0: not known

// Written by the kernel.
#define RF_REPLY 0x080        // u32: sequence of the request * 16 + reply code; the futex word
#define RF_REP_COUNT 0x084    // u32: OPS: operations; RET, COPY_*_MORE: pieces; and who replies:
#define RF_REP_COUNT_MASK 0xffff
#define RF_REP_THREAD_SHIFT 16  // the kernel thread to which the outcome is posted
#define RF_REP_RESULT 0x088   // i64: RET: the system call's result
#define RF_REP_FLAGS 0x090    // u32: RF_REP_SET_FS, RF_REP_REPORT, RF_REP_QUIET
#define RF_REP_SET_FS 1       // load the fs base from the frame before going back to the guest
#define RF_REP_REPORT 2       // SIGNAL, SIGRETURN: when the frame is loaded, post INTERRUPTED instead of going back
#define RF_REP_QUIET 4        // OPS_RETURN: no sleeping kernel thread is woken for the outcome of what was done
#define RF_REP_FP 0x094       // u32: SIGRETURN: where floating-point state comes from, RF_FP_...
#define RF_REP_FP_SIZE 0x098  // u32: SIGNAL, SIGRETURN from guest memory: its bytes there
#define RF_REP_FP_ADDRESS 0x0a0  // u64: ... and its address
#define RF_FP_KEEP 0          // the thread's own, as it was interrupted
#define RF_FP_INITIAL 1       // what a program starts with
#define RF_FP_SLOT 2          // REQ_FP_SIZE bytes at RF_FP
#define RF_FP_GUEST 3         // REP_FP_SIZE bytes of guest memory; 512: no extended state

// Written by the stub alone, and only when it sleeps: the kernel reads it with each reply.
#define RF_SLEEPING 0x0c0     // u32: 1 while the stub waits, or is about to wait, on RF_REPLY
// Set by the kernel when the slot is given out, cleared by the host when the thread has ended: a
// slot is given out again only when it is 0.
#define RF_HOST_TASK 0x0c4    // u32
// While the thread sleeps at the host by itself: a hint, on which nothing but what is shown of the thread depends.
#define RF_ASLEEP 0x0c8       // u32: 1 while it does
#define RF_DEADLINE 0x0d0     // u64[2]: timespec; by the kernel, with an operation that sleeps
// While a kernel thread asks for it (RF_KP_TIMED), by CLOCK_MONOTONIC in nanoseconds: hints, for `ringfence profile`.
#define RF_POSTED_AT 0x0e0    // u64: when the last call was posted to it
#define RF_RESUMED_AT 0x0e8   // u64: when the thread has seen the last of its reply
#define RF_ROBUST_LIST 0x0f0  // u64: set_robust_list(2), by the stub as well; cleared by the kernel for a new thread

// Register frame: Linux's user_regs_struct, the same for trampoline, signal path and ptrace. It begins where the six
// arguments of a system call, RF_R10 to RF_RDI, fill one cache line.
#define RF_FRAME 0x108
#define RF_R15 0x108
#define RF_R14 0x110
#define RF_R13 0x118
#define RF_R12 0x120
#define RF_RBP 0x128
#define RF_RBX 0x130
#define RF_R11 0x138
#define RF_R10 0x140
#define RF_R9 0x148
#define RF_R8 0x150
#define RF_RAX 0x158
#define RF_RCX 0x160
#define RF_RDX 0x168
#define RF_RSI 0x170
#define RF_RDI 0x178
#define RF_ORIG_RAX 0x180
#define RF_RIP 0x188
#define RF_CS 0x190
#define RF_EFLAGS 0x198
#define RF_RSP 0x1a0
#define RF_SS 0x1a8
#define RF_FS_BASE 0x1b0
#define RF_GS_BASE 0x1b8
#define RF_FRAME_SIZE 0xd8

// Fault record, valid with the requests FAULT and TRAP.
#define RF_FAULT_SIGNO 0x1e0   // u32
#define RF_FAULT_CODE 0x1e4    // i32
#define RF_FAULT_ADDR 0x1e8    // u64
#define RF_FAULT_TRAPNO 0x1f0  // u32
#define RF_FAULT_ERR 0x1f4     // u32
#define RF_FAULT_CR2 0x1f8     // u64

// Operation list: what the kernel asks the stub to do inside its address space.
#define RF_OPS 0x200
#define RF_OP_SIZE 64
#define RF_OPS_MAX 32
#define RF_OP_CODE 0     // u32
#define RF_OP_NR 4       // u32: CALL: system call number
#define RF_OP_ARGS 8     // u64[6]
#define RF_OP_RESULT 56  // i64, written by the stub

// Pieces: (guest address, length, offset in the slot) triples of a copy round.
#define RF_PIECES 0xa00
#define RF_PIECE_SIZE 16
#define RF_PIECES_MAX 64
#define RF_PIECE_ADDR 0     // u64
#define RF_PIECE_LENGTH 8   // u32
#define RF_PIECE_OFFSET 12  // u32, from the start of the slot

#define RF_FP 0x1000  // floating-point state (XSAVE area as in a signal frame), on FORK, THREAD, SAVE_FP and SIGRETURN
#define RF_FP_SIZE 0x3000
#define RF_STUB_STACK 0x4000
#define RF_STUB_STACK_SIZE 0x2000
#define RF_PROCESS 0x6000  // process page: slot 0 of every chunk (requests), else unused
#define RF_WINDOW 0x8000   // data window
#define RF_WINDOW_SIZE 0x8000
#define RF_WINDOW_SECOND 0xf000       // the second in piece of a call is copied here
#define RF_WINDOW_SECOND_SIZE 0x1000
#define RF_ALT_STACK 0x10000
#define RF_ALT_STACK_SIZE 0x10000

// Process page. For each kernel thread one cache line that all slots of the chunk post to: a record a slot, written by
// its stub alone, in one exchange, and read by that kernel thread alone. The line after it is left free: CPUs fetch
// two.
#define RF_REQUESTS 0x6000
#define RF_REQUESTS_STRIDE 128
#define RF_REQUEST_SIZE 8
#define RF_REQUEST_WORD 0  // u32: sequence * 16 + request kind
#define RF_REQUEST_NR 4    // u32: SYSCALL: its number
// A sequence number names the kernel thread in its low bits, and counts what was posted to that one.
#define RF_SEQUENCE_STEP 8
#define RF_SEQUENCE_MASK 0x0fffffff
#define RF_ROUTES 0x7000          // u8 per descriptor: kernel thread to ring
#define RF_ROUTES_COUNT 4096

// ---- Kernel page: one for the sandbox, sealed; stubs see it read-only. ----
#define RF_KP_SIZE 0x4000
#define RF_KP_MAGIC 0x000        // u32
#define RF_KP_MAGIC_VALUE 0x52464b31
#define RF_KP_THREADS 0x004      // u32: kernel threads
#define RF_KP_SPIN 0x008         // u32: polls a stub makes of its reply word before it sleeps
#define RF_KP_MOVERS 0x00c       // u32: kernel threads from that number on are not rung while they sleep; 0: none
#define RF_KP_THREAD 0x040       // records of RF_KP_THREAD_STRIDE bytes, one a kernel thread
#define RF_KP_THREAD_STRIDE 64
#define RF_KP_SLEEPING 0         // u32, in the record: written by that kernel thread alone
#define RF_KP_CPU 4              // u32, in the record
#define RF_KP_TIMED 8            // u32, in the record: 1 while stubs tell when they post calls to it
#define RF_KP_VDSO 0x200         // u64[5]: functions of the host's vDSO in every stub, as mem/vdso.ts has them; 0: none
#define RF_KP_MARSHAL 0x1000     // 8 bytes a system call number
#define RF_KP_MARSHAL_COUNT 512
#define RF_KERNEL_THREADS_MAX 7 // records end at RF_KP_VDSO; RF_SEQUENCE_STEP names as many, and one more

// Marshal entry: u16 in piece 0, u16 in piece 1, u8 kernel thread, u8 route, u16 zero.
// A piece: bits 0-2 kind, 3-5 argument that holds the address, 6-15 by kind:
//   BUFFER  bits 6-8 argument that holds the count, 9-12 log2 of the element size
//   BULK    as BUFFER; nothing is copied of one that does not fit
//   CSTRING nothing (at most RF_CSTRING_MAX bytes with the NUL)
//   FIXED   size in bytes
#define RF_PIECE_NONE 0
#define RF_PIECE_BUFFER 1
#define RF_PIECE_CSTRING 2
#define RF_PIECE_FIXED 3
#define RF_PIECE_BULK 4
// rt_sigreturn's, which names none of them: the context at the stack pointer, and what the floating-point state that
// stands there says of itself.
#define RF_PIECE_CONTEXT 5
#define RF_PIECE_FP_FORM 6
#define RF_CSTRING_MAX 4096
#define RF_ROUTE_NUMBER 0  // ring the kernel thread named in the entry
#define RF_ROUTE_FD 1      // ring the one that the process page names for the descriptor in arg 0

// ---- Fixed numbers ----
#define RF_DOORBELL_FD 1000      // doorbell of kernel thread k: RF_DOORBELL_FD + k
#define RF_CHUNK_FD 63            // that of a chunk, while it is mapped
#define RF_DONATED_FD 64         // from here on those of files that are given to be mapped and read
#define RF_STUB_READ_MAX 0x400000  // bytes that a stub reads of such a file at once
#define RF_NR_TOKEN 0x5246       // reserved system call: a new host task names its token
#define RF_NR_GIFT 0x5247        // reserved system call: a descriptor is put under the number in the first argument
#define RF_TOKEN_MAP_CHUNK 1     // second argument: the new task maps its chunk next
#define RF_TOKEN_UNMAP_ZYGOTE 2  // second argument: ... and unmaps the zygote's pages

#endif
