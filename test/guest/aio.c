// Asynchronous I/O: contexts, requests and what refuses them, events, waits, and what a child has of it.
#include "guest.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <sys/wait.h>

static aio_context_t context;

static long submit(struct iocb *one) {
  return SYS_3(SYS_io_submit, context, 1, &one);
}

static struct iocb request(int operation, int fd, void *buffer, long length, long at) {
  static unsigned long data = 100;
  return (struct iocb){.aio_data = data++,
                       .aio_key = 77,
                       .aio_lio_opcode = operation,
                       .aio_fildes = fd,
                       .aio_buf = (unsigned long)buffer,
                       .aio_nbytes = length,
                       .aio_offset = at};
}

static void events(const char *what, long least, long most, struct timespec *time, struct iocb *of) {
  struct io_event got[8] = {0};
  long n = SYS_5(SYS_io_getevents, context, least, most, got, time);
  outcome(what, n);
  for (long i = 0; i < n; i++)
    say("  data %llu, ours %d, result %lld, %lld", got[i].data, got[i].obj == (unsigned long)of, got[i].res,
        got[i].res2);
}

static void one(const char *what, struct iocb *r) {
  long done = submit(r);
  outcome(what, done);
  if (done == 1) events("  event", 1, 1, 0, r);
}

static void contexts(void) {
  aio_context_t other = 5;
  outcome("setup over something", SYS_2(SYS_io_setup, 10, &other));
  other = 0;
  outcome("of none", SYS_2(SYS_io_setup, 0, &other));
  outcome("of too many", SYS_2(SYS_io_setup, 0x7fffffff, &other));
  outcome("of very many", SYS_2(SYS_io_setup, 1 << 20, &other));
  outcome("of less than none", SYS_2(SYS_io_setup, -1, &other));
  outcome("at a bad address", SYS_2(SYS_io_setup, 10, 8));
  outcome("setup", SYS_2(SYS_io_setup, 10, &context));
  outcome("a second", SYS_2(SYS_io_setup, 10, &other));
  say("not the same %d", context != other && context != 0);
  outcome("destroyed", SYS_1(SYS_io_destroy, other));
  outcome("destroyed again", SYS_1(SYS_io_destroy, other));
  outcome("events of none", SYS_5(SYS_io_getevents, other, 0, 1, 0, 0));
  outcome("submit to none", SYS_3(SYS_io_submit, other, 1, 0));
  outcome("a destroyed null", SYS_1(SYS_io_destroy, 0));
}

static void requests(int file, int reads, int writes) {
  char text[20000], back[20000];
  for (int i = 0; i < 20000; i++)
    text[i] = 'a' + i % 23;
  struct iocb r = request(IOCB_CMD_PWRITE, file, text, 20000, 100);
  one("write", &r);
  say("key %u", r.aio_key);
  r = request(IOCB_CMD_PREAD, file, back, 19000, 100);
  one("read", &r);
  say("same %d", memcmp(text, back, 19000) == 0);
  r = request(IOCB_CMD_PREAD, file, back, 19000, 20000);
  one("read at the end", &r);
  r = request(IOCB_CMD_PREAD, file, back, 100, 50000);
  one("behind the end", &r);
  struct iovec parts[3] = {{back, 10}, {back + 50, 0}, {back + 100, 9000}};
  r = request(IOCB_CMD_PREADV, file, parts, 3, 123);
  one("vectors", &r);
  say("same %d", memcmp(text + 23, back, 10) == 0 && memcmp(text + 33, back + 100, 9000) == 0);
  r = request(IOCB_CMD_PWRITEV, file, parts, 3, 5);
  one("write vectors", &r);
  r = request(IOCB_CMD_PWRITEV, file, parts, 2000, 5);
  one("too many vectors", &r);
  r = request(IOCB_CMD_PREADV, file, (void *)8, 3, 5);
  one("vectors at a bad address", &r);
  r = request(IOCB_CMD_FSYNC, file, 0, 0, 0);
  one("fsync", &r);
  r = request(IOCB_CMD_FDSYNC, file, 0, 0, 0);
  one("fdatasync", &r);
  r = request(IOCB_CMD_FSYNC, file, text, 0, 0);
  one("fsync with a buffer", &r);
  r = request(IOCB_CMD_PREAD, file, back, 0, 0);
  one("read nothing", &r);
  r = request(IOCB_CMD_PREAD, file, back, 10, -5);
  one("before the beginning", &r);
  r = request(IOCB_CMD_PREAD, file, back, -1, 0);
  one("of no size", &r);
  r = request(IOCB_CMD_PREAD, file, (void *)-4096l, 10, 0);
  one("to the kernel", &r);
  r = request(IOCB_CMD_PREAD, file, (void *)4096, 10, 0);
  one("to nowhere", &r);
  r = request(IOCB_CMD_PWRITE, file, (void *)4096, 10, 0);
  one("from nowhere", &r);
  r = request(IOCB_CMD_PREAD, writes, back, 10, 0);
  one("read of who writes", &r);
  r = request(IOCB_CMD_PWRITE, reads, back, 10, 0);
  one("write of who reads", &r);
  r = request(IOCB_CMD_PREAD, 99, back, 10, 0);
  one("of nothing open", &r);
  r = request(6, file, back, 10, 0);
  one("no operation", &r);
  r = request(99, file, back, 10, 0);
  one("another operation", &r);
  r = request(IOCB_CMD_PREAD, file, back, 10, 0);
  r.aio_reserved2 = 1;
  one("reserved", &r);
  r = request(IOCB_CMD_PREAD, file, back, 10, 0);
  r.aio_rw_flags = 1 << 20;
  one("a wrong flag", &r);
  int directory = open("/", O_RDONLY | O_DIRECTORY), place = open("/", O_PATH);
  r = request(IOCB_CMD_PREAD, directory, back, 10, 0);
  one("a directory", &r);
  r = request(IOCB_CMD_PREAD, place, back, 10, 0);
  one("a place", &r);
  outcome("at a bad address", submit((struct iocb *)8));
  outcome("a list at a bad address", SYS_3(SYS_io_submit, context, 1, 8));
  outcome("less than none", SYS_3(SYS_io_submit, context, -1, 8));
  outcome("none", SYS_3(SYS_io_submit, context, 0, 8));

  int ends[2];
  if (pipe(ends) != 0) _exit(1);
  r = request(IOCB_CMD_PWRITE, ends[1], "through a pipe", 14, 7);
  one("into a pipe", &r);
  memset(back, 0, 20);
  r = request(IOCB_CMD_PREAD, ends[0], back, 100, 0);
  one("out of a pipe", &r);
  say("'%s'", back);
}

static void many(int file) {
  char text[10][10];
  struct iocb rs[10], *list[10];
  for (int i = 0; i < 10; i++) {
    rs[i] = request(IOCB_CMD_PREAD, i == 6 ? 99 : file, text[i], 10 - i, i);
    list[i] = &rs[i];
  }
  outcome("ten, of which the seventh is wrong", SYS_3(SYS_io_submit, context, 10, list));
  struct io_event got[10];
  outcome("too few asked", SYS_5(SYS_io_getevents, context, 5, 4, got, 0));
  outcome("less than none", SYS_5(SYS_io_getevents, context, -1, 4, got, 0));
  outcome("at a bad address", SYS_5(SYS_io_getevents, context, 1, 4, 8, 0));
  struct timespec zero = {0, 0}, soon = {0, 20000000};
  outcome("a time at a bad address", SYS_5(SYS_io_getevents, context, 1, 4, got, 8));
  events("four", 1, 4, &zero, 0);
  events("the rest", 1, 8, &zero, 0);
  events("no more", 0, 8, 0, 0);
  events("not now", 1, 8, &zero, 0);
  events("not soon", 1, 8, &soon, 0);
  events("none are wanted", 0, 0, 0, 0);
  outcome("cancel", SYS_3(SYS_io_cancel, context, &rs[0], got));
  outcome("cancel at a bad address", SYS_3(SYS_io_cancel, context, 8, got));
  int told = eventfd(0, EFD_NONBLOCK);
  for (int i = 0; i < 3; i++) {
    rs[i] = request(IOCB_CMD_PREAD, file, text[i], 5, i);
    rs[i].aio_flags = IOCB_FLAG_RESFD, rs[i].aio_resfd = told;
  }
  outcome("three", SYS_3(SYS_io_submit, context, 3, list));
  events("their events", 3, 8, 0, 0);
  uint64_t count = 0;
  say("told %zd, %lu", read(told, &count, 8), count);
  count = -2ul;
  say("written %zd", write(told, &count, 8));
  outcome("more than it counts", SYS_3(SYS_io_submit, context, 2, list));
  events("their events", 2, 8, 0, 0);
  struct pollfd polled = {.fd = told, .events = POLLIN | POLLOUT};
  poll(&polled, 1, 0);
  say("polled %#x, told %zd, %lx", polled.revents, read(told, &count, 8), count);
  rs[0].aio_resfd = file;
  one("tells a file", &rs[0]);
  rs[0].aio_resfd = 99;
  one("tells nothing", &rs[0]);
}

static int file_of_thread;
static void *later(void *unused) {
  usleep(50000);
  static char byte;
  static struct iocb r;
  r = request(IOCB_CMD_PREAD, file_of_thread, &byte, 1, 0);
  submit(&r);
  return unused;
}

static void handler(int signo) {
  (void)signo;
}

static void waits(int file) {
  file_of_thread = file;
  pthread_t thread;
  pthread_create(&thread, 0, later, 0);
  events("waited for", 1, 8, 0, 0);
  pthread_join(thread, 0);
  sigaction(SIGALRM, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_RESTART}, 0);
  ualarm(50000, 0);
  events("interrupted", 1, 8, 0, 0);
  sigset_t blocked, none;
  sigemptyset(&none);
  sigemptyset(&blocked), sigaddset(&blocked, SIGALRM);
  sigprocmask(SIG_BLOCK, &blocked, 0);
  raise(SIGALRM);
  struct {
    sigset_t *mask;
    size_t size;
  } masked = {&none, 8}, wrong = {&none, 7};
  struct io_event got;
  outcome("with another mask", SYS_6(SYS_io_pgetevents, context, 1, 1, &got, 0, &masked));
  outcome("of a wrong size", SYS_6(SYS_io_pgetevents, context, 1, 1, &got, 0, &wrong));
  outcome("at a bad address", SYS_6(SYS_io_pgetevents, context, 1, 1, &got, 0, 8));
}

int main(void) {
  contexts();
  int file = open("/tmp/aio_test", O_RDWR | O_CREAT | O_TRUNC, 0600);
  int reads = open("/tmp/aio_test", O_RDONLY), writes = open("/tmp/aio_test", O_WRONLY);
  requests(file, reads, writes);
  many(file);
  waits(file);
  pid_t child = fork();
  if (child == 0) {
    struct io_event got;
    outcome("child's events", SYS_5(SYS_io_getevents, context, 0, 1, &got, 0));
    outcome("child destroys", SYS_1(SYS_io_destroy, context));
    _exit(0);
  }
  waitpid(child, 0, 0);
  outcome("destroyed", SYS_1(SYS_io_destroy, context));
  unlink("/tmp/aio_test");
  return 0;
}
