// The zygote's life: empty the address space but for the stub window, get kernel page and doorbells,
// install the stubs' signal handlers and filter, then make and reap stubs as the supervisor asks.
#include "zygote.h"

void stub_restorer(void);
extern const char stub_traced[];
void on_sigsys(int, void *, void *);
void on_fault(int, void *, void *);
void on_kick(int, void *, void *);

enum { SA_SIGINFO = 4, SA_ONSTACK = 0x08000000, SA_RESTORER = 0x04000000, SA_NODEFER = 0x40000000 };
enum {
  DIE_MAPS = 101,
  DIE_VDSO,
  DIE_UNMAP,
  DIE_HELLO,
  DIE_KERNEL_PAGE,
  DIE_DOORBELL,
  DIE_SIGACTION,
  DIE_FILTER,
  DIE_ANSWER
};

static __attribute__((noreturn)) void die(int code) {
  zygote_syscall(NR_exit_group, code, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

// ---- Address space ----

struct range {
  u64 start, end;
};

static char maps[16384];

static const char *hex(const char *p, u64 *value) {
  u64 v = 0;
  for (;; p++) {
    u32 digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : 16;
    if (digit == 16) break;
    v = v << 4 | digit;
  }
  *value = v;
  return p;
}

static int names(const char *line, const char *end, const char *name) {
  for (; line < end; line++) {
    u32 i = 0;
    while (name[i] && line + i < end && line[i] == name[i])
      i++;
    if (!name[i]) return 1;
  }
  return 0;
}

// Moves vvar, vvar_vclock and vdso together into the window (their distances are compiled into the
// vdso's code) and unmaps everything else outside it: the guest range starts empty.
// Returns where the vdso's image lies now, or 0.
static u64 empty_address_space(void) {
  s64 fd = zygote_syscall(NR_openat, ZYGOTE_PROC, (u64) "self/maps", 0, 0, 0, 0);
  u64 length = 0;
  for (;;) {
    s64 n = zygote_syscall(NR_read, fd, (u64)maps + length, sizeof maps - 1 - length, 0, 0, 0);
    if (n < 0) die(DIE_MAPS);
    if (n == 0) break;
    length += n;
  }
  zygote_syscall(NR_close, fd, 0, 0, 0, 0, 0);
  zygote_syscall(NR_close, ZYGOTE_PROC, 0, 0, 0, 0, 0);
  u64 vdso = 0, image = 0;
  for (const char *p = maps; *p;) {
    struct range r;
    const char *end = p;
    while (*end && *end != '\n')
      end++;
    const char *rest = hex(hex(p, &r.start) + 1, &r.end);
    int is_vdso = names(rest, end, "[vvar") || names(rest, end, "[vdso]");
    p = *end ? end + 1 : end;
    if (r.start >= RF_WINDOW_BASE && r.start < RF_WINDOW_END) continue;
    if (r.start >= RF_TASK_SIZE) continue; // [vsyscall]
    if (is_vdso) {
      if (!vdso) vdso = r.start;
      u64 to = RF_HOST_VDSO + (r.start - vdso);
      enum { MREMAP_MAYMOVE_FIXED = 3 };
      s64 at =
          zygote_syscall(NR_mremap, r.start, r.end - r.start, r.end - r.start, MREMAP_MAYMOVE_FIXED, to, 0);
      if (at != (s64)to) die(DIE_VDSO);
      if (names(rest, end, "[vdso]")) image = to;
    } else if (zygote_syscall(NR_munmap, r.start, r.end - r.start, 0, 0, 0, 0)) {
      die(DIE_UNMAP);
    }
  }
  return image;
}

// ---- Messages ----

struct iovec_ {
  void *base;
  u64 length;
};
struct msghdr_ {
  void *name;
  u32 name_length, pad;
  struct iovec_ *iov;
  u64 iov_length;
  void *control;
  u64 control_length;
  u32 flags, pad2;
};
struct rights {
  u64 length;
  s32 level, type;
  s32 fds[SPAWN_GROUPS_MAX];
};
_Static_assert(1 + RF_KERNEL_THREADS_MAX <= SPAWN_GROUPS_MAX, "descriptors of a hello must fit");
enum { RIGHTS_HEADER = 16 };
enum { SOL_SOCKET_ = 1, SCM_RIGHTS_ = 1 };

static s64 receive(struct zygote_message *m, struct rights *rights) {
  struct iovec_ iov = {m, sizeof *m};
  struct msghdr_ h = {0};
  h.iov = &iov;
  h.iov_length = 1;
  h.control = rights;
  h.control_length = rights ? sizeof *rights : 0;
  s64 n = zygote_syscall(NR_recvmsg, ZYGOTE_SOCKET, (u64)&h, 0, 0, 0, 0);
  if (rights && h.control_length == 0) rights->length = 0;
  return n;
}

static void send_answer(struct zygote_message m) {
  struct iovec_ iov = {&m, sizeof m};
  struct msghdr_ h = {0};
  h.iov = &iov;
  h.iov_length = 1;
  // Nobody would ever ask again.
  if (zygote_syscall(NR_sendmsg, ZYGOTE_SOCKET, (u64)&h, 0, 0, 0, 0) < 0) die(DIE_ANSWER);
}

static void answer(const struct zygote_message *m, s64 value) {
  send_answer((struct zygote_message){.request = m->request, .sequence = m->sequence, .value = value});
}

// Takes the kernel page and the doorbells; returns enum zygote_catch.
static u32 hello(void) {
  struct zygote_message m;
  struct rights rights;
  if (receive(&m, &rights) != sizeof m || m.request != ZYGOTE_HELLO) die(DIE_HELLO);
  u32 how = (u64)m.value >> 32;
  s64 threads = (u32)m.value;
  if (threads < 1 || threads > RF_KERNEL_THREADS_MAX ||
      rights.length != RIGHTS_HEADER + 4 * (u64)(1 + threads))
    die(DIE_HELLO);
  enum { PROT_READ = 1, MAP_SHARED_FIXED = 0x11 };
  s64 at = zygote_syscall(NR_mmap, RF_KERNEL_PAGE, RF_KP_SIZE, PROT_READ, MAP_SHARED_FIXED, rights.fds[0], 0);
  if (at != RF_KERNEL_PAGE) die(DIE_KERNEL_PAGE);
  for (s64 k = 0; k < threads; k++)
    if (zygote_syscall(NR_dup2, rights.fds[1 + k], RF_DOORBELL_FD + k, 0, 0, 0, 0) < 0) die(DIE_DOORBELL);
  for (s64 k = 0; k <= threads; k++)
    zygote_syscall(NR_close, rights.fds[k], 0, 0, 0, 0, 0);
  // Stubs inherit nothing else below the doorbells.
  for (u32 fd = 0; fd < ZYGOTE_SOCKET; fd++)
    zygote_syscall(NR_close, fd, 0, 0, 0, 0, 0);
  return how;
}

static void take_name(const void *name) {
  enum { PR_SET_NAME = 15 };
  zygote_syscall(NR_prctl, PR_SET_NAME, (u64)name, 0, 0, 0, 0);
}

// Those that came with a request.
static s32 groups[SPAWN_GROUPS_MAX];
static u32 group_count;

static void close_groups(void) {
  for (u32 i = 0; i < group_count; i++)
    zygote_syscall(NR_close, groups[i], 0, 0, 0, 0, 0);
}

// A process that is put in groups by another one holds that one up for some milliseconds each.
__attribute__((used)) void zygote_child(void) {
  for (u32 i = 0; i < group_count; i++)
    zygote_syscall(NR_write, groups[i], (u64) "0", 1, 0, 0, 0);
  close_groups();
}

// A copy has the name that its maker has at that moment.
static s64 spawn(struct zygote_message *m, const struct rights *rights) {
  char *name = (char *)m->more;
  name[SPAWN_NAME_SIZE - 1] = 0;
  take_name(name);
  group_count = rights->length > RIGHTS_HEADER ? (u32)(rights->length - RIGHTS_HEADER) / sizeof(s32) : 0;
  for (u32 i = 0; i < group_count; i++)
    groups[i] = rights->fds[i];
  s64 pid = zygote_spawn(m->value, RF_TOKEN_MAP_CHUNK | RF_TOKEN_UNMAP_ZYGOTE);
  close_groups();
  take_name("zygote");
  return pid;
}

// wait4(2)'s struct rusage as words: two times of two words each come first.
static void answer_reap(const struct zygote_message *asked) {
  enum { WNOHANG = 1, RUSAGE_WORDS = 18 };
  static const u8 places[USE_COUNT] = {
      [USE_MAXRSS] = 4, [USE_MINFLT] = 8, [USE_MAJFLT] = 9, [USE_NVCSW] = 16, [USE_NIVCSW] = 17};
  s64 rusage[RUSAGE_WORDS] = {0};
  s32 status = 0;
  struct zygote_message m = {.request = ZYGOTE_REAP, .sequence = asked->sequence};
  m.value = zygote_syscall(NR_wait4, asked->value, (u64)&status, WNOHANG, (u64)rusage, 0, 0);
  if (m.value > 0) m.value = (u32)status;
  for (u32 i = 0; i < USE_COUNT; i++)
    m.more[i] = rusage[places[i]];
  send_answer(m);
}

// ---- Signals ----

// Handlers of stubs are set here and inherited. While one runs only the synchronous signals of its
// own copies can come in; that of trapped calls changes no mask, since it goes back without the host's help.
static void handle(u32 signo, void (*handler)(int, void *, void *)) {
  struct kernel_sigaction action = {handler, SA_SIGINFO | SA_ONSTACK | SA_RESTORER, stub_restorer,
                                    ~SYNCHRONOUS_SIGNALS};
  if (signo != SIGSYS_)
    action.mask |= SIG_BIT(SIGSYS_);
  else
    action.mask = 0, action.flags |= SA_NODEFER;
  if (zygote_syscall(NR_rt_sigaction, signo, (u64)&action, 0, sizeof action.mask, 0, 0)) die(DIE_SIGACTION);
}

__attribute__((noreturn, used)) void zygote_main(void) {
  enum { SIGKICK = 63 };
  u64 vdso = empty_address_space();
  int traced = hello() == CATCH_TRACE;
  static const u32 faults[] = {SIGILL_, SIGTRAP_, SIGBUS_, SIGFPE_, SIGSEGV_};
  handle(SIGSYS_, on_sigsys);
  for (u32 i = 0; i < sizeof faults / sizeof *faults; i++)
    handle(faults[i], on_fault);
  handle(SIGKICK, on_kick);
  s64 pid = zygote_syscall(NR_getpid, 0, 0, 0, 0, 0, 0);
  s64 listener = install_filter(traced);
  struct zygote_message said = {.request = ZYGOTE_HELLO, .value = listener < 0 ? listener : (s64)vdso};
  said.more[HELLO_PID] = pid;
  said.more[HELLO_LISTENER] = listener;
  said.more[HELLO_ENTRY] = (s64)stub_traced;
  send_answer(said);
  if (listener < 0) die(DIE_FILTER);
  for (;;) {
    struct zygote_message m;
    struct rights rights;
    s64 n = receive(&m, &rights);
    if (n == -4) continue; // EINTR
    if (n != sizeof m) die(0);
    // Whoever asks has taken it, and no stub is to have it.
    if (listener >= 0) zygote_syscall(NR_close, listener, 0, 0, 0, 0, 0);
    listener = -1;
    switch (m.request) {
    case ZYGOTE_SPAWN:
      answer(&m, spawn(&m, &rights));
      break;
    case ZYGOTE_REAP:
      answer_reap(&m);
      break;
    default:
      answer(&m, -22 /* EINVAL */);
      break;
    }
  }
}
