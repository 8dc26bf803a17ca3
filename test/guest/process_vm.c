// process_vm_readv(2), process_vm_writev(2): what is copied of another process's memory, where that ends, and who may.
//@ needs: fork signals memory shared-memory credentials threads
//@ cflags: -pthread
#include "pid_namespace.h"
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum { USER = 65000, LARGE = 1 << 20 };

static char *mine, *theirs, *split, *sealed, *common, *large, *large_copy;
static char data[64] = "data of the program";
static const char constant[64] = "constant";
static int other;

static long reads(const struct iovec *local, long locals, const struct iovec *remote, long remotes) {
  return SYS_6(SYS_process_vm_readv, other, local, locals, remote, remotes, 0);
}

static long writes(const struct iovec *local, long locals, const struct iovec *remote, long remotes) {
  return SYS_6(SYS_process_vm_writev, other, local, locals, remote, remotes, 0);
}

static long reads_one(void *local, size_t length, const void *remote) {
  struct iovec l = {local, length}, r = {(void *)remote, length};
  return reads(&l, 1, &r, 1);
}

static long writes_one(void *local, size_t length, void *remote) {
  struct iovec l = {local, length}, r = {remote, length};
  return writes(&l, 1, &r, 1);
}

static void text(const char *what, long result) {
  value(what, result);
  say(" %.60s", mine);
  memset(mine, 0, PAGE);
}

// The other process: memory that is not what it is here.
static void differs(int *go) {
  strcpy(theirs, "private and anonymous");
  strcpy(data, "changed data");
  strcpy(common, "shared and anonymous");
  memset(split, 's', PAGE);
  strcpy(sealed, "read only");
  mprotect(sealed, PAGE, PROT_READ);
  for (int i = 0; i < LARGE; i++)
    large[i] = (char)(i * 7 + (i >> 9));
  let(go);
  for (;;)
    pause();
}

static void start(void) {
  int go[2];
  if (pipe(go)) _exit(9);
  other = fork();
  if (other == 0) differs(go);
  wait_for(go);
}

static void copies(void) {
  text("anonymous", reads_one(mine, 32, theirs));
  text("data", reads_one(mine, 32, data));
  text("shared", reads_one(mine, 32, common));
  text("read only", reads_one(mine, 32, sealed));
  strcpy(mine, "written");
  value("written", writes_one(mine, 8, theirs + 8));
  text("read back", reads_one(mine, 32, theirs));
  yes_no("ours is what it was", theirs[0] == 0);
  strcpy(mine, "WRITTEN");
  value("to what is read only", writes_one(mine, 8, sealed));
  value("to what is shared", writes_one(mine, 8, common + 100));
  yes_no("seen here", strcmp(common + 100, "WRITTEN") == 0);
  memset(mine, 0, PAGE);
  value("much", reads_one(large_copy, LARGE, large));
  int same = 0;
  for (int i = 0; i < LARGE; i++)
    same += large_copy[i] == (char)(i * 7 + (i >> 9));
  value(" of it right", same);
  for (int i = 0; i < LARGE; i++)
    large_copy[i] ^= 0x55;
  value("much written", writes_one(large_copy, LARGE, large));
  memset(large_copy, 0, LARGE);
  value("and read", reads_one(large_copy, LARGE, large));
  same = 0;
  for (int i = 0; i < LARGE; i++)
    same += (large_copy[i] ^ 0x55) == (char)(i * 7 + (i >> 9));
  value(" of it right", same);
}

static void vectors(void) {
  struct iovec local[3] = {{mine, 5}, {mine + 16, 0}, {mine + 5, 7}};
  struct iovec remote[3] = {{theirs, 7}, {(void *)1, 0}, {theirs + 12, 20}};
  text("local is less", reads(local, 3, remote, 3));
  local[2].iov_len = 100;
  text("remote is less", reads(local, 3, remote, 3));
  remote[2].iov_base = split + PAGE - 10;
  memset(mine, '.', 60);
  text("up to the end of what is mapped", reads(local, 3, remote, 3));
  remote[0].iov_base = split + PAGE;
  value("nothing at all", reads(local, 3, remote, 3));
  remote[0] = (struct iovec){split + 100, 2 * PAGE};
  local[0] = (struct iovec){mine, PAGE};
  value("a page's rest", reads(local, 1, remote, 1));
  memset(mine, 'w', PAGE);
  value("a page's rest written", writes(local, 1, remote, 1));
  text("which is", reads_one(mine, 20, split + PAGE - 20));
  char *edge = pages(1);
  memset(edge, 'e', PAGE);
  local[0] = (struct iovec){edge + PAGE - 8, 16};
  remote[0] = (struct iovec){theirs, 16};
  value("up to the end of what is here", reads(local, 1, remote, 1));
  value("written from there", writes(local, 1, remote, 1));
  local[0].iov_base = edge + PAGE;
  value("nothing is here", reads(local, 1, remote, 1));
  local[0].iov_base = (void *)(1ul << 60);
  value("no address", reads(local, 1, remote, 1));
  local[0].iov_base = mine;
  remote[0].iov_base = (void *)(1ul << 60);
  value("no address there", reads(local, 1, remote, 1));
}

// More of them than come with the call.
static void long_arrays(void) {
  static struct iovec l[1024], r[1024];
  for (int i = 0; i < 1024; i++) {
    l[i] = (struct iovec){large_copy + i, 1};
    r[i] = (struct iovec){large + 1023 - i, 1};
  }
  for (int n = 200; n <= 1024; n += 206) {
    memset(large_copy, 0, 2048);
    long got = reads(l, n, r, n);
    say("%d of each: %ld, the last %d, behind it %d", n, got, large_copy[n - 1], large_copy[n]);
    say("%d into one: %ld", n, reads((struct iovec[]){{large_copy, 2048}}, 1, r, n));
    say("one into %d: %ld", n, reads(l, n, (struct iovec[]){{large, 2048}}, 1));
  }
  value("one too many", reads(l, 1025, r, 1));
  value("one too many of them", reads(l, 1, r, 1025));
  value("cut off", reads(l, 1, (struct iovec *)(split + PAGE - 8), 1));
}

static void refusals(void) {
  struct iovec one = {mine, 8}, their = {theirs, 8}, none = {mine, 0}, odd = {mine, 1ul << 63};
  value("flags", SYS_6(SYS_process_vm_readv, other, &one, 1, &their, 1, 1));
  value("flags of nobody", SYS_6(SYS_process_vm_readv, 0x3fffffff, &one, 1, &their, 1, 1ul << 40));
  value("too many", SYS_6(SYS_process_vm_readv, other, &one, 1025, &their, 1, 0));
  value("too many there", SYS_6(SYS_process_vm_readv, other, &one, 1, &their, 1025, 0));
  value("none here", SYS_6(SYS_process_vm_readv, other, &one, 0, &their, 1025, 0));
  value("none there", SYS_6(SYS_process_vm_readv, 0x3fffffff, &one, 1, &their, 0, 0));
  value("no bytes here", SYS_6(SYS_process_vm_readv, 0x3fffffff, &none, 1, NULL, 1, 0));
  value("no bytes there", SYS_6(SYS_process_vm_readv, 0x3fffffff, &one, 1, &none, 1, 0));
  value("a length", SYS_6(SYS_process_vm_readv, other, &odd, 1, &their, 1, 0));
  value("a length there", SYS_6(SYS_process_vm_readv, other, &one, 1, &odd, 1, 0));
  value("no list", SYS_6(SYS_process_vm_readv, other, 8, 1, &their, 1, 0));
  value("no list there", SYS_6(SYS_process_vm_writev, other, &one, 1, 8, 1, 0));
  value("nobody", SYS_6(SYS_process_vm_readv, 0x3fffffff, &one, 1, &their, 1, 0));
  value("number 0", SYS_6(SYS_process_vm_readv, 0, &one, 1, &their, 1, 0));
  value("number -1", SYS_6(SYS_process_vm_readv, -1, &one, 1, &their, 1, 0));
  int ended = fork();
  if (ended == 0) _exit(0);
  siginfo_t info;
  waitid(P_PID, ended, &info, WEXITED | WNOWAIT);
  value("one that has ended", SYS_6(SYS_process_vm_readv, ended, &one, 1, &their, 1, 0));
  waitpid(ended, NULL, 0);
}

static void of_user(void) {
  if (setresuid(USER, USER, USER)) _exit(9);
  value("of root", reads_one(mine, 8, theirs));
  value("written to root's", writes_one(mine, 8, theirs));
  other = getpid();
  value("its own", reads_one(mine, 8, theirs));
}

static void between_users(void) {
  if (setresuid(USER, USER, USER)) _exit(9);
  prctl(PR_SET_DUMPABLE, 1);
  prctl(PR_SET_PTRACER, -1);
  start();
  text("of the same user", reads_one(mine, 32, theirs));
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  prctl(PR_SET_DUMPABLE, 0);
  start();
  value("not dumpable", reads_one(mine, 32, theirs));
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
}

static void own(void) {
  other = getpid();
  strcpy(theirs, "of its own");
  text("its own memory", reads_one(mine, 32, theirs));
  text("its own constants", reads_one(mine, 32, constant));
  strcpy(mine, "and written");
  value("written", writes_one(mine, 16, theirs));
  say(" %s", theirs);
  value("to constants", writes_one(mine, 8, (void *)constant));
}

static int tid;

static void *is_other(void *argument) {
  __atomic_store_n(&tid, (int)SYS_0(SYS_gettid), __ATOMIC_SEQ_CST);
  for (;;)
    pause();
  return argument;
}

static void thread(void) {
  pthread_t id;
  pthread_create(&id, NULL, is_other, NULL);
  while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
    milliseconds(1);
  other = tid;
  strcpy(theirs, "of a thread");
  text("by a thread's number", reads_one(mine, 32, theirs));
}

// Of one that stands for its tracer everything can be had.
static void traced(void) {
  other = fork();
  if (other == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    strcpy(theirs, "of who stands");
    raise(SIGSTOP);
    _exit(0);
  }
  waitpid(other, NULL, 0);
  text("anonymous", reads_one(mine, 32, theirs));
  text("constants", reads_one(mine, 32, constant));
  value("to constants", writes_one(mine, 8, (void *)constant));
  strcpy(mine, "new");
  value("to data", writes_one(mine, 8, data));
  text("data", reads_one(mine, 32, data));
  ptrace(PTRACE_CONT, other, 0, 0);
  reaped("it goes on", other);
}

int main(void) {
  mine = pages(1), theirs = pages(1), split = pages(1), sealed = pages(1);
  large = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  large_copy = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  common = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  start();
  copies();
  vectors();
  long_arrays();
  refusals();
  in_child("another user", of_user);
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  value("one that is gone", reads_one(mine, 8, theirs));
  in_child("between users", between_users);
  in_child("own", own);
  in_child("a thread", thread);
  in_child("traced", traced);
  return 0;
}
