// Regular files that the program makes: reading, writing, appending, holes, truncation, positions.
//@ needs: files
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

static char buffer[300000];

static void told(const char *what, int fd) {
  struct stat st;
  fstat(fd, &st);
  say("%s: mode %o size %ld links %ld", what, st.st_mode, (long)st.st_size, (long)st.st_nlink);
}

static unsigned long sum(int fd, long at, long length) {
  unsigned long hash = 5381;
  long n = pread(fd, buffer, length, at);
  for (long i = 0; i < n; i++)
    hash = hash * 33 + (unsigned char)buffer[i];
  return hash + n;
}

int main(void) {
  char directory[] = "/tmp/memory-files-XXXXXX";
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  umask(022);
  int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0666);
  told("new", fd);
  value("created again", open("a", O_RDWR | O_CREAT | O_EXCL, 0666) < 0 ? -errno : 0);
  value("write", write(fd, "hello, world", 12));
  value("position", lseek(fd, 0, SEEK_CUR));
  value("read at the end", read(fd, buffer, 10));
  value("pread", pread(fd, buffer, 100, 7));
  say("%.5s", buffer);
  value("pwrite behind the end", pwrite(fd, "X", 1, 20));
  value("what is between", pread(fd, buffer, 100, 0));
  for (int i = 12; i < 20; i++)
    if (buffer[i]) say("not zero at %d", i);
  told("after", fd);

  for (unsigned i = 0; i < sizeof buffer; i++)
    buffer[i] = (char)(i * 7 + i / 256);
  value("a large write", pwrite(fd, buffer, sizeof buffer, 3));
  told("large", fd);
  for (long at = 0; at < 300003; at += 60001)
    say("at %ld: %lx", at, sum(fd, at, 60001));
  value("ftruncate", ftruncate(fd, 70000));
  told("shorter", fd);
  value("ftruncate", ftruncate(fd, 140000));
  say("grown: %lx %lx", sum(fd, 69000, 2000), sum(fd, 139999, 10));
  value("to nothing", ftruncate(fd, 0));
  told("empty", fd);
  value("negative", ftruncate(fd, -1) < 0 ? -errno : 0);

  int append = open("a", O_WRONLY | O_APPEND);
  value("append", write(append, "one", 3));
  value("append", write(append, "two", 3));
  value("position", lseek(append, 0, SEEK_CUR));
  value("lseek", lseek(append, 1, SEEK_SET));
  value("append", write(append, "three", 5));
  value("pwrite appends too", pwrite(append, "!", 1, 0));
  value("read", pread(fd, buffer, 100, 0));
  say("%.12s", buffer);
  value("reading what is open for writing", read(append, buffer, 1) < 0 ? -errno : 0);
  value("writing what is open for reading", write(open("a", O_RDONLY), "a", 1) < 0 ? -errno : 0);
  value("O_TRUNC", open("a", O_WRONLY | O_TRUNC) > 0);
  told("truncated", fd);

  struct iovec parts[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
  value("writev", writev(fd, parts, 3));
  value("two positions", pread(fd, buffer, 10, 0));
  int second = open("a", O_RDWR);
  value("the other position", lseek(second, 0, SEEK_CUR));
  value("write through the other", write(second, "ZZ", 2));
  value("seen by the first", pread(fd, buffer, 10, 0));
  say("%.5s", buffer);
  value("unlink", unlink("a"));
  told("without a name", fd);
  value("still there", pread(second, buffer, 10, 0));
  value("open by name", open("a", O_RDONLY) < 0 ? -errno : 0);
  close(fd);
  value("with one descriptor less", pread(second, buffer, 10, 0));
  close(second);
  value("a file with a slash behind", open("b/", O_RDWR | O_CREAT, 0600) < 0 ? -errno : 0);
  value("O_DIRECTORY of a file",
        (close(creat("c", 0600)), open("c", O_RDONLY | O_DIRECTORY)) < 0 ? -errno : 0);
  value("below a file", open("c/d", O_RDWR | O_CREAT, 0600) < 0 ? -errno : 0);
  char name[300];
  memset(name, 'n', 256);
  name[256] = 0;
  value("a name of 256 bytes", open(name, O_RDWR | O_CREAT, 0600) < 0 ? -errno : 0);
  name[255] = 0;
  value("a name of 255 bytes", open(name, O_RDWR | O_CREAT, 0600) > 0);
  value("unlink", unlink(name));
  int odd = open("gr\xfc\xdf dich \xff", O_RDWR | O_CREAT, 0600);
  value("a name that is no text", odd > 0);
  value("by the name", access("gr\xfc\xdf dich \xff", F_OK));
  unlink("gr\xfc\xdf dich \xff");
  unlink("c");
  value("rmdir", (chdir("/"), rmdir(directory)));
  return 0;
}
