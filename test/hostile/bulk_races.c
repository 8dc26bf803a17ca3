// F12: transfers of more than the window, which the kernel copies itself, against everything that changes their memory
// and their files meanwhile: through the kernel, behind its back, by other processes.
//@ args: 1
//@ args: 2
//@ args: 3
//@ ends: any
//@ deadline: 20
//@ cflags: -pthread
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define COUNT 512ul
#define FILE_SIZE (4l << 20)

static char *area, *program;
static int files[2], ends[2], zero, image, seed;
static volatile int stop;

struct generator {
  uint64_t state;
};

static uint64_t roll(struct generator *g, uint64_t below) {
  g->state ^= g->state << 13, g->state ^= g->state >> 7, g->state ^= g->state << 17;
  return (g->state >> 11) % below;
}

static void *transfers(void *number) {
  struct generator g = {(uint64_t)number * 77777 + seed};
  while (!stop) {
    char *at = area + roll(&g, COUNT) * PAGE + (roll(&g, 3) ? 0 : roll(&g, PAGE));
    size_t length = RF_WINDOW_SIZE + 1 + roll(&g, 1 << 20), left = area + COUNT * PAGE - at;
    long offset = roll(&g, FILE_SIZE);
    int file = files[roll(&g, 2)];
    if (length > left) length = left;
    struct iovec pieces[] = {{at, length / 3}, {at + length / 2, length / 3}, {at, 17}};
    switch (roll(&g, 9)) {
    case 0:
      SYS_4(SYS_pread64, file, at, length, offset);
      break;
    case 1:
      SYS_4(SYS_pwrite64, file, at, length, offset);
      break;
    case 2:
      SYS_3(SYS_write, ends[1], at, length);
      break;
    case 3:
      SYS_3(SYS_read, ends[0], at, length);
      break;
    case 4:
      SYS_3(SYS_read, zero, at, length);
      break;
    case 5:
      SYS_4(SYS_pread64, image, at, length, offset % (1 << 18));
      break;
    case 6:
      SYS_5(SYS_preadv, file, pieces, 3, offset, 0);
      break;
    case 7:
      SYS_5(SYS_pwritev, file, pieces, 3, offset, 0);
      break;
    default:
      SYS_3(SYS_lseek, file, 0, SEEK_SET);
      SYS_3(SYS_write, file, at, length);
    }
  }
  return NULL;
}

static void *changes(void *number) {
  struct generator g = {(uint64_t)number * 99991 + seed};
  const int mine = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, usual = PROT_READ | PROT_WRITE;
  while (!stop) {
    char *at = area + roll(&g, COUNT) * PAGE;
    size_t length = (1 + roll(&g, 64)) * PAGE, left = area + COUNT * PAGE - at;
    int file = files[roll(&g, 2)], direct = roll(&g, 2);
    if (length > left) length = left;
    switch (roll(&g, 11)) {
    case 0:
      direct ? HOST_2(SYS_munmap, at, length) : SYS_2(SYS_munmap, at, length);
      break;
    case 1:
    case 2:
      if (direct)
        HOST_6(SYS_mmap, at, length, usual, mine, -1, 0);
      else
        map_at(at, length, usual, mine);
      break;
    case 3:
      direct ? HOST_3(SYS_mprotect, at, length, roll(&g, 4)) : SYS_3(SYS_mprotect, at, length, roll(&g, 4));
      break;
    case 4:
      HOST_5(SYS_mremap, program + roll(&g, 16) * PAGE, PAGE, PAGE, 3, at);
      break;
    case 5:
      SYS_6(SYS_mmap, at, length, usual, MAP_FIXED | (direct ? MAP_SHARED : MAP_PRIVATE), file, 0);
      break;
    case 6:
      HOST_3(SYS_madvise, at, length, direct ? MADV_DONTNEED : 21 /* PAGEOUT */);
      break;
    case 7:
      SYS_2(SYS_ftruncate, file, direct ? FILE_SIZE : (long)roll(&g, FILE_SIZE));
      break;
    case 8:
      SYS_5(SYS_mremap, at, length, roll(&g, 2) ? length : PAGE, 3 /* MAYMOVE, FIXED */,
            area + roll(&g, COUNT - 64) * PAGE);
      break;
    case 9:
      SYS_4(SYS_fallocate, file, 3 /* PUNCH_HOLE */, roll(&g, COUNT) * PAGE, length);
      break;
    default:
      if (roll(&g, 16)) break;
      pid_t child = SYS_0(SYS_fork);
      if (child == 0) SYS_1(SYS_exit_group, SYS_2(SYS_ftruncate, file, FILE_SIZE / 2));
      SYS_4(SYS_wait4, child, 0, 0, 0);
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  seed = argc > 1 ? atoi(argv[1]) : 1;
  find_gadget();
  area = pages(COUNT);
  files[0] = open("/tmp/bulk_races", O_RDWR | O_CREAT, 0600);
  files[1] = SYS_2(SYS_memfd_create, "bulk", 0);
  unlink("/tmp/bulk_races");
  zero = open("/dev/zero", O_RDONLY);
  image = open("/proc/self/exe", O_RDONLY);
  program = mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE, image, 0);
  if (pipe2(ends, O_NONBLOCK)) return 1;
  for (int i = 0; i < 2; i++)
    if (ftruncate(files[i], FILE_SIZE)) return 1;
  pthread_t thread;
  for (long i = 0; i < 6; i++)
    pthread_create(&thread, NULL, i < 3 ? transfers : changes, (void *)(i + 1));
  sleep(2);
  stop = 1;
  say("survived");
  _exit(0);
}
