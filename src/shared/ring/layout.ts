// Layout of all memory that stubs and kernel threads share: the stub window, slots, chunks and the
// kernel page. The same numbers as native/include/ringfence/layout.h, without the prefix RF_ (what
// each field means is said there); test/unit/layout.test.ts compares the two files both ways.
//
// Offsets are bytes. Everything that a stub can write is hostile input: read once, validate, use.

// ---- The stub window: guest addresses never lie in it; seccomp filters compare high words. ----
export const WINDOW_BASE = 0x552000000000;
export const WINDOW_END = 0x554000000000;
export const STUB_TEXT = 0x552000000000; // code and constants of the stub, the only memory it brings
export const TRAMPOLINE_ENTRY = 0x552000000000; // where trampolines of patched call sites lead: its first instruction
export const ZYGOTE_TEXT = 0x552100000000; // code and data of the zygote; unmapped in every stub
export const ZYGOTE_SIZE = 0xfffff000; // of what is unmapped
export const HOST_VDSO = 0x552200000000; // the host's vvar, vvar_vclock and vdso, moved here together
export const KERNEL_PAGE = 0x552300000000; // read-only view of the kernel page
export const CHUNKS = 0x553000000000; // chunk k of an address space at CHUNKS + k * CHUNK_SIZE
export const TASK_SIZE = 0x7ffffffff000; // Linux's TASK_SIZE on x86-64 with 4-level page tables

// ---- Slots and chunks: one slot a guest thread, one or more chunks an address space. ----
export const SLOT_SIZE = 0x20000;
export const CHUNK_SLOTS = 8;
export const CHUNK_SIZE = 0x100000;
export const CHUNKS_PER_SPACE = 512; // 4 096 threads in one address space
export const GUEST_CHUNKS = 4095; // places in the guest SAB; the last one holds the kernel page
export const KERNEL_PAGE_CHUNK = 4095;

export const SELF = 0x000; // u64: address of this slot in the stub, compared with the gs base

// Beside it, since every call reads that line and nothing else moves it: what the thread answers by itself, without a
// request (F19). Written by the kernel, which reads none of it: whoever scribbles over it deceives itself.
export const LOCAL = 0x008; // u32: LOCAL_...; 0 while somebody watches the thread's calls
export const LOCAL_CALLS = 1; // the calls of stub_local.c, with the numbers below
export const LOCAL_ASK = 0x00c; // u32: mask: a trapped call is posted where TRAPS has none of these bits
export const LOCAL_PID = 0x010; // u32
export const LOCAL_TID = 0x014; // u32
export const LOCAL_UID = 0x018; // u32
export const LOCAL_EUID = 0x01c; // u32
export const LOCAL_GID = 0x020; // u32
export const LOCAL_EGID = 0x024; // u32
export const LOCAL_NUMBERS = 64; // in the table of calls: less is a word of the slot

// Written by the stub, beside its request's record (REQUESTS).
export const REQ_COUNT = 0x044; // u32: OPS_DONE: operations completed
export const REQ_VALUE = 0x048; // i64: OPS_DONE: result of the last one; COPY_READY, OUT_FAULT: bytes
export const REQ_IN_LENGTH = 0x050; // u32[2]: bytes copied of each in piece; bit 31: the copy faulted
export const REQ_CPU = 0x058; // u32: CPU on which the request was posted
export const REQ_FLAGS = 0x05c; // u32: REQ_...
export const REQ_VSYSCALL = 1; // the call came from the vsyscall page
export const REQ_BEGUN = 2; // the stub waited at the host, until a kick came; of a futex, whose word had the value
export const REQ_TIMED = 4; // ... and DEADLINE is when the wait is to end
export const REQ_FP_SAVED = 8; // FP holds the floating-point state: a call that may make a thread has trapped
export const REQ_FP_SIZE = 0x060; // u32: bytes of the thread's floating-point state in a signal frame
export const VDSO_KICK = 0x064; // u32: a kick came while the host's vDSO ran; the guest's vDSO looks at it behind
export const KICKED = 0x068; // u32: a kick came while a call ran that goes back by a jump; looked at before the jump
export const CALL_FLAGS = 0x06c; // u32: of such a call: bits 0-7 OF, 8-15 the flags that LAHF gives, 16 answered here
export const TRAPS = 0x070; // u32: a random number for each trapped call that the thread could answer by itself
export const FP_FEATURES = 0x078; // u64: what a signal frame has of its floating-point state; 0: not known

// Written by the kernel.
export const REPLY = 0x080; // u32: sequence of the request * 16 + reply code; the futex word
export const REP_COUNT = 0x084; // u32: OPS: operations; RET, COPY_*_MORE: pieces; and who replies:
export const REP_COUNT_MASK = 0xffff;
export const REP_THREAD_SHIFT = 16; // the kernel thread to which the outcome is posted
export const REP_RESULT = 0x088; // i64: RET: the system call's result
export const REP_FLAGS = 0x090; // u32: REP_SET_FS, REP_REPORT, REP_QUIET
export const REP_SET_FS = 1; // load the fs base from the frame before going back to the guest
export const REP_REPORT = 2; // SIGNAL, SIGRETURN: when the frame is loaded, post INTERRUPTED instead of going back
export const REP_QUIET = 4; // OPS_RETURN: no sleeping kernel thread is woken for the outcome of what was done
export const REP_FP = 0x094; // u32: SIGRETURN: where floating-point state comes from, FP_...
export const REP_FP_SIZE = 0x098; // u32: SIGNAL, SIGRETURN from guest memory: its bytes there
export const REP_FP_ADDRESS = 0x0a0; // u64: ... and its address
export const FP_KEEP = 0; // the thread's own, as it was interrupted
export const FP_INITIAL = 1; // what a program starts with
export const FP_SLOT = 2; // REQ_FP_SIZE bytes at FP
export const FP_GUEST = 3; // REP_FP_SIZE bytes of guest memory; 512: no extended state

// Written by the stub alone, and only when it sleeps: the kernel reads it with each reply.
export const SLEEPING = 0x0c0; // u32: 1 while the stub waits, or is about to wait, on REPLY
// Set by the kernel when the slot is given out, cleared by the host when the thread has ended: a slot
// is given out again only when it is 0.
export const HOST_TASK = 0x0c4; // u32
// While the thread sleeps at the host by itself: a hint, on which nothing but what is shown of the thread depends.
export const ASLEEP = 0x0c8; // u32: 1 while it does
export const DEADLINE = 0x0d0; // u64[2]: timespec; by the kernel, with an operation that sleeps
// While a kernel thread asks for it (KP_TIMED), by CLOCK_MONOTONIC in nanoseconds: hints, for `ringfence profile`.
export const POSTED_AT = 0x0e0; // u64: when the last call was posted to it
export const RESUMED_AT = 0x0e8; // u64: when the thread has seen the last of its reply
export const ROBUST_LIST = 0x0f0; // u64: set_robust_list(2), by the stub as well; cleared by the kernel for a new thread

// Register frame: Linux's user_regs_struct, the same for trampoline, signal path and ptrace. It begins where the six
// arguments of a system call, R10 to RDI, fill one cache line.
export const FRAME = 0x108;
export const R15 = 0x108;
export const R14 = 0x110;
export const R13 = 0x118;
export const R12 = 0x120;
export const RBP = 0x128;
export const RBX = 0x130;
export const R11 = 0x138;
export const R10 = 0x140;
export const R9 = 0x148;
export const R8 = 0x150;
export const RAX = 0x158;
export const RCX = 0x160;
export const RDX = 0x168;
export const RSI = 0x170;
export const RDI = 0x178;
export const ORIG_RAX = 0x180;
export const RIP = 0x188;
export const CS = 0x190;
export const EFLAGS = 0x198;
export const RSP = 0x1a0;
export const SS = 0x1a8;
export const FS_BASE = 0x1b0;
export const GS_BASE = 0x1b8;
export const FRAME_SIZE = 0xd8;

// Fault record, valid with the requests FAULT and TRAP.
export const FAULT_SIGNO = 0x1e0; // u32
export const FAULT_CODE = 0x1e4; // i32
export const FAULT_ADDR = 0x1e8; // u64
export const FAULT_TRAPNO = 0x1f0; // u32
export const FAULT_ERR = 0x1f4; // u32
export const FAULT_CR2 = 0x1f8; // u64

// Operation list: what the kernel asks the stub to do inside its address space.
export const OPS = 0x200;
export const OP_SIZE = 64;
export const OPS_MAX = 32;
export const OP_CODE = 0; // u32
export const OP_NR = 4; // u32: CALL: system call number
export const OP_ARGS = 8; // u64[6]
export const OP_RESULT = 56; // i64, written by the stub

// Pieces: (guest address, length, offset in the slot) triples of a copy round.
export const PIECES = 0xa00;
export const PIECE_SIZE = 16;
export const PIECES_MAX = 64;
export const PIECE_ADDR = 0; // u64
export const PIECE_LENGTH = 8; // u32
export const PIECE_OFFSET = 12; // u32, from the start of the slot

export const FP = 0x1000; // floating-point state (XSAVE area), on FORK, THREAD, SAVE_FP and SIGRETURN
export const FP_SIZE = 0x3000;
export const STUB_STACK = 0x4000;
export const STUB_STACK_SIZE = 0x2000;
export const PROCESS = 0x6000; // process page: slot 0 of every chunk (requests), else unused
export const WINDOW = 0x8000; // data window
export const WINDOW_SIZE = 0x8000;
export const WINDOW_SECOND = 0xf000; // the second in piece of a call is copied here
export const WINDOW_SECOND_SIZE = 0x1000;
export const ALT_STACK = 0x10000;
export const ALT_STACK_SIZE = 0x10000;

// Process page. For each kernel thread one cache line that all slots of the chunk post to: a record a slot, written by
// its stub alone, in one exchange, and read by that kernel thread alone. The line after it is left free: CPUs fetch
// two.
export const REQUESTS = 0x6000;
export const REQUESTS_STRIDE = 128;
export const REQUEST_SIZE = 8;
export const REQUEST_WORD = 0; // u32: sequence * 16 + request kind
export const REQUEST_NR = 4; // u32: SYSCALL: its number
// A sequence number names the kernel thread in its low bits, and counts what was posted to that one.
export const SEQUENCE_STEP = 8;
export const SEQUENCE_MASK = 0x0fffffff;
export const ROUTES = 0x7000; // u8 per descriptor: kernel thread to ring
export const ROUTES_COUNT = 4096;

// ---- Kernel page: one for the sandbox, sealed; stubs see it read-only. ----
export const KP_SIZE = 0x4000;
export const KP_MAGIC = 0x000; // u32
export const KP_MAGIC_VALUE = 0x52464b31;
export const KP_THREADS = 0x004; // u32: kernel threads
export const KP_SPIN = 0x008; // u32: polls a stub makes of its reply word before it sleeps
export const KP_MOVERS = 0x00c; // u32: kernel threads from that number on are not rung while they sleep; 0: none
export const KP_THREAD = 0x040; // records of KP_THREAD_STRIDE bytes, one a kernel thread
export const KP_THREAD_STRIDE = 64;
export const KP_SLEEPING = 0; // u32, in the record: written by that kernel thread alone
export const KP_CPU = 4; // u32, in the record
export const KP_TIMED = 8; // u32, in the record: 1 while stubs tell when they post calls to it
export const KP_VDSO = 0x200; // u64[5]: functions of the host's vDSO in every stub, as mem/vdso.ts has them; 0: none
export const KP_MARSHAL = 0x1000; // 8 bytes a system call number
export const KP_MARSHAL_COUNT = 512;
export const KERNEL_THREADS_MAX = 7; // records end at KP_VDSO; SEQUENCE_STEP names as many, and one more

// Marshal entry: u16 in piece 0, u16 in piece 1, u8 kernel thread, u8 route, u16 zero.
// A piece: bits 0-2 kind, 3-5 argument that holds the address, 6-15 by kind:
//   BUFFER  bits 6-8 argument that holds the count, 9-12 log2 of the element size
//   BULK    as BUFFER; nothing is copied of one that does not fit
//   CSTRING nothing (at most CSTRING_MAX bytes with the NUL)
//   FIXED   size in bytes
export const PIECE_NONE = 0;
export const PIECE_BUFFER = 1;
export const PIECE_CSTRING = 2;
export const PIECE_FIXED = 3;
export const PIECE_BULK = 4;
// rt_sigreturn's, which names none of them: the context at the stack pointer, and what the floating-point state that
// stands there says of itself.
export const PIECE_CONTEXT = 5;
export const PIECE_FP_FORM = 6;
export const CSTRING_MAX = 4096;
export const ROUTE_NUMBER = 0; // ring the kernel thread named in the entry
export const ROUTE_FD = 1; // ring the one that the process page names for the descriptor in arg 0

// ---- Fixed numbers ----
export const DOORBELL_FD = 1000; // doorbell of kernel thread k: DOORBELL_FD + k
export const CHUNK_FD = 63; // that of a chunk, while it is mapped
export const DONATED_FD = 64; // from here on those of files that are given to be mapped and read
export const STUB_READ_MAX = 0x400000; // bytes that a stub reads of such a file at once
export const NR_TOKEN = 0x5246; // reserved system call: a new host task names its token
export const NR_GIFT = 0x5247; // reserved system call: a descriptor is put under the number in the first argument
export const TOKEN_MAP_CHUNK = 1; // second argument: the new task maps its chunk next
export const TOKEN_UNMAP_ZYGOTE = 2; // second argument: ... and unmaps the zygote's pages
