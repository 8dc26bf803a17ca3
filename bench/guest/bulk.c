// Bytes by calls that few programs use, and not every sandbox has: messages of a queue, asynchronous reads, another
// process's memory.
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define PIECE 4096

static char buffer[PIECE], other[PIECE];
static char path[4096];
static int fd;
static mqd_t queue;
static aio_context_t context;
static pid_t child;

static void begin_queue(void) {
  struct mq_attr limits = {.mq_maxmsg = 1, .mq_msgsize = 64};
  snprintf(path, sizeof path, "/bench-%d", getpid());
  CHECK((queue = mq_open(path, O_RDWR | O_CREAT | O_EXCL, 0600, &limits)) >= 0);
  CHECK(mq_unlink(path) == 0);
}

static void end_queue(void) {
  CHECK(mq_close(queue) == 0);
}

static void loop_queue(long count) {
  while (count--) {
    CHECK(mq_send(queue, buffer, 64, 0) == 0);
    CHECK(mq_receive(queue, buffer, 64, NULL) == 64);
  }
}

static void begin_aio(void) {
  snprintf(path, sizeof path, "%s/mebibyte", bench_directory);
  CHECK((fd = open(path, O_RDONLY)) >= 0);
  CHECK(syscall(SYS_io_setup, 1, &context) == 0);
}

static void end_aio(void) {
  CHECK(syscall(SYS_io_destroy, context) == 0);
  close(fd);
}

static void loop_aio(long count) {
  struct iocb one = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (unsigned)fd, .aio_nbytes = PIECE},
              *all = &one;
  one.aio_buf = (unsigned long)buffer;
  struct io_event event;
  while (count--) {
    CHECK(syscall(SYS_io_submit, context, 1, &all) == 1);
    CHECK(syscall(SYS_io_getevents, context, 1, 1, &event, NULL) == 1 && event.res == PIECE);
  }
}

// A process that waits, with a page of its own.
static void begin_process_vm(void) {
  char ready;
  int ends[2];
  CHECK(pipe(ends) == 0 && (child = fork()) >= 0);
  if (child == 0) {
    memset(other, 1, PIECE);
    CHECK(write(ends[1], "", 1) == 1);
    for (;;)
      pause();
  }
  CHECK(read(ends[0], &ready, 1) == 1);
  close(ends[0]);
  close(ends[1]);
}

static void end_process_vm(void) {
  kill(child, SIGKILL);
  CHECK(waitpid(child, NULL, 0) == child);
}

static void loop_process_vm(long count) {
  struct iovec to = {buffer, PIECE}, from = {other, PIECE};
  while (count--)
    CHECK(process_vm_readv(child, &to, 1, &from, 1, 0) == PIECE);
}

static const struct subject subjects[] = {
    {"mq", loop_queue, begin_queue, end_queue},
    {"aio", loop_aio, begin_aio, end_aio},
    {"process_vm", loop_process_vm, begin_process_vm, end_process_vm},
};

int main(int argc, char **argv) {
  return BENCH_MAIN(subjects);
}
