// A file system of the host's that answers when it is told to: a FUSE server (fuse(4)) without any library. Commands come
// by lines on its standard input, each answered by a line:
//   stall / go           nothing is answered from now on; all of it is, also what has come meanwhile
//   stall OP             only requests of that kind wait (lookup, getattr, open, read, write, readdir, mkdir, create, ...)
//   error OP ERRNO       requests of that kind are answered so; 0: no more
//   short N              a read gives N bytes at most; 0: what is asked for
//   heed                 who waits and is sent a signal is told EINTR from now on (a page that is read then makes it SIGBUS)
//   asked                how many requests wait
//   count OP             how many of that kind have come so far
//   size NAME N          a file of the root has so many bytes, as if somebody else had changed it
//   make NAME / remove NAME      a file of the root, made or removed by somebody else
// It is gone when its standard input ends, and the mount with it. Usage: slow_host DIRECTORY [ENTRIES]
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODES_MAX 4096
#define NAME_SIZE 64
#define CONTENT_MAX (4 << 20)
#define REQUEST_MAX (FUSE_MIN_READ_BUFFER + (1 << 20))
#define HELD_MAX 256

static struct node {
  uint64_t parent;
  uint32_t mode, uid, gid, links;
  uint64_t size;
  uint64_t change; // counts in the times
  char name[NAME_SIZE];
  uint8_t *content;
} nodes[NODES_MAX]; // by number; 1 is the root

static int device;
static int entries; // names of the directory "many", beside the nodes
static uint64_t clock_now = 1000000000;
static size_t short_read;
static unsigned read_delay_ms;
static int stalled; // 1: all; 2: `stalled_op`
static uint32_t stalled_op;
static uint32_t error_op;
static int heeds_signals;
static int error_now;
static uint64_t counts[64];
static struct held { void *bytes; } held[HELD_MAX];
static int held_count;

static const struct {
  const char *name;
  uint32_t op;
} names[] = {
    {"lookup", FUSE_LOOKUP},     {"getattr", FUSE_GETATTR}, {"open", FUSE_OPEN},
    {"read", FUSE_READ},         {"write", FUSE_WRITE},     {"readdir", FUSE_READDIR},
    {"opendir", FUSE_OPENDIR},   {"mkdir", FUSE_MKDIR},     {"create", FUSE_CREATE},
    {"unlink", FUSE_UNLINK},     {"rename", FUSE_RENAME},   {"setattr", FUSE_SETATTR},
    {"readlink", FUSE_READLINK}, {"release", FUSE_RELEASE}, {"flush", FUSE_FLUSH},
    {"fsync", FUSE_FSYNC},       {"statfs", FUSE_STATFS},   {"getxattr", FUSE_GETXATTR},
    {"symlink", FUSE_SYMLINK},   {"rmdir", FUSE_RMDIR},     {"fallocate", FUSE_FALLOCATE},
};

static uint32_t op_named(const char *name) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i].name, name) == 0) return names[i].op;
  fprintf(stderr, "slow_host: no such request: %s\n", name);
  exit(2);
}

static uint64_t find(uint64_t parent, const char *name) {
  for (uint64_t i = 2; i < NODES_MAX; i++)
    if (nodes[i].links > 0 && nodes[i].parent == parent && strcmp(nodes[i].name, name) == 0) return i;
  return 0;
}

static void touch(uint64_t node) {
  nodes[node].change = ++clock_now;
}

static uint64_t add(uint64_t parent, const char *name, uint32_t mode) {
  for (uint64_t i = 2; i < NODES_MAX; i++) {
    if (nodes[i].links > 0 || nodes[i].content) continue;
    nodes[i] = (struct node){.parent = parent, .mode = mode, .links = S_ISDIR(mode) ? 2 : 1};
    snprintf(nodes[i].name, NAME_SIZE, "%s", name);
    touch(i);
    touch(parent);
    return i;
  }
  return 0;
}

static void put(uint64_t node, uint64_t at, const void *bytes, size_t length) {
  struct node *n = &nodes[node];
  if (!n->content) n->content = calloc(1, CONTENT_MAX);
  if (at + length > CONTENT_MAX) length = at > CONTENT_MAX ? 0 : CONTENT_MAX - at;
  memcpy(n->content + at, bytes, length);
  if (at + length > n->size) n->size = at + length;
  touch(node);
}

static void attributes(uint64_t node, struct fuse_attr *a) {
  const struct node *n = &nodes[node];
  *a = (struct fuse_attr){
      .ino = node,
      .size = n->size,
      .blocks = (n->size + 511) / 512,
      .mtime = n->change,
      .ctime = n->change,
      .atime = n->change,
      .mode = n->mode,
      .nlink = n->links,
      .uid = n->uid,
      .gid = n->gid,
      .blksize = 4096,
  };
}

static void answer(const struct fuse_in_header *in, int error, const void *bytes, size_t length) {
  static uint8_t out[REQUEST_MAX];
  struct fuse_out_header head = {
      .len = (uint32_t)(sizeof head + length), .error = -error, .unique = in->unique};
  memcpy(out, &head, sizeof head);
  if (length > 0) memcpy(out + sizeof head, bytes, length);
  // ENOENT: who has asked was killed.
  if (write(device, out, head.len) < 0 && errno != ENOENT) perror("slow_host: answer");
}

// Nothing of what is told may be believed: each look is asked for.
static void answer_entry(const struct fuse_in_header *in, uint64_t node) {
  struct fuse_entry_out out = {.nodeid = node};
  if (!node) {
    answer(in, ENOENT, NULL, 0);
    return;
  }
  attributes(node, &out.attr);
  answer(in, 0, &out, sizeof out);
}

static size_t add_dirent(uint8_t *to, size_t used, size_t room, uint64_t ino, uint64_t next, const char *name,
                         uint32_t type) {
  size_t length = strlen(name), size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
  if (used + size > room) return 0;
  struct fuse_dirent *d = (struct fuse_dirent *)(to + used);
  memset(d, 0, size);
  d->ino = ino;
  d->off = next;
  d->namelen = (uint32_t)length;
  d->type = type;
  memcpy(d->name, name, length);
  return size;
}

static void answer_entries(const struct fuse_in_header *in, const struct fuse_read_in *read) {
  static uint8_t out[1 << 20];
  size_t room = read->size < sizeof out ? read->size : sizeof out, used = 0, n;
  char name[NAME_SIZE];
  int many = in->nodeid == find(1, "many") ? entries : 0;
  for (uint64_t at = read->offset; at < NODES_MAX + (uint64_t)many; at++) {
    if (at < NODES_MAX) {
      if (at < 2 || nodes[at].links == 0 || nodes[at].parent != in->nodeid) continue;
      n = add_dirent(out, used, room, at, at + 1, nodes[at].name, nodes[at].mode >> 12);
    } else {
      snprintf(name, sizeof name, "entry-%06u", (unsigned)(at - NODES_MAX));
      n = add_dirent(out, used, room, at + NODES_MAX, at + 1, name, 8);
    }
    if (n == 0) break;
    used += n;
  }
  answer(in, 0, out, used);
}

static void set(const struct fuse_in_header *in, const struct fuse_setattr_in *s) {
  struct node *n = &nodes[in->nodeid];
  if (s->valid & FATTR_MODE) n->mode = (n->mode & S_IFMT) | (s->mode & 07777);
  if (s->valid & FATTR_UID) n->uid = s->uid;
  if (s->valid & FATTR_GID) n->gid = s->gid;
  if (s->valid & FATTR_SIZE) {
    n->size = s->size > CONTENT_MAX ? CONTENT_MAX : s->size;
    if (n->content) memset(n->content + n->size, 0, CONTENT_MAX - n->size);
  }
  touch(in->nodeid);
  struct fuse_attr_out out = {0};
  attributes(in->nodeid, &out.attr);
  answer(in, 0, &out, sizeof out);
}

static void rename_to(const struct fuse_in_header *in, uint64_t directory, const char *old) {
  uint64_t node = find(in->nodeid, old), there = find(directory, old + strlen(old) + 1);
  if (!node) {
    answer(in, ENOENT, NULL, 0);
    return;
  }
  if (there) nodes[there].links = 0;
  nodes[node].parent = directory;
  snprintf(nodes[node].name, NAME_SIZE, "%s", old + strlen(old) + 1);
  touch(in->nodeid);
  touch(directory);
  touch(node);
  answer(in, 0, NULL, 0);
}

static void answer_open(const struct fuse_in_header *in) {
  struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO * (nodes[in->nodeid].mode & S_IFREG && 0)};
  answer(in, 0, &out, sizeof out);
}

static void make(const struct fuse_in_header *in, const char *name, uint32_t mode, int opens) {
  if (find(in->nodeid, name)) {
    answer(in, EEXIST, NULL, 0);
    return;
  }
  struct {
    struct fuse_entry_out entry;
    struct fuse_open_out open;
  } out = {.entry.nodeid = add(in->nodeid, name, mode)};
  nodes[out.entry.nodeid].uid = in->uid;
  nodes[out.entry.nodeid].gid = in->gid;
  attributes(out.entry.nodeid, &out.entry.attr);
  answer(in, 0, &out, opens ? sizeof out : sizeof out.entry);
}

static void take_away(const struct fuse_in_header *in, const char *name) {
  uint64_t node = find(in->nodeid, name);
  if (node) nodes[node].links = 0;
  touch(in->nodeid);
  answer(in, node ? 0 : ENOENT, NULL, 0);
}

static void serve(const struct fuse_in_header *in) {
  const void *body = in + 1;
  if (in->opcode == error_op && error_now) {
    answer(in, error_now, NULL, 0);
    return;
  }
  switch (in->opcode) {
  case FUSE_LOOKUP:
    answer_entry(in, find(in->nodeid, body));
    return;
  case FUSE_GETATTR: {
    struct fuse_attr_out out = {0};
    attributes(in->nodeid, &out.attr);
    answer(in, 0, &out, sizeof out);
    return;
  }
  case FUSE_SETATTR:
    set(in, body);
    return;
  case FUSE_OPEN:
  case FUSE_OPENDIR:
    answer_open(in);
    return;
  case FUSE_READ: {
    usleep(read_delay_ms * 1000);
    const struct fuse_read_in *r = body;
    const struct node *n = &nodes[in->nodeid];
    size_t length = r->offset >= n->size ? 0 : n->size - r->offset;
    if (length > r->size) length = r->size;
    if (r->offset + length > CONTENT_MAX) length = r->offset > CONTENT_MAX ? 0 : CONTENT_MAX - r->offset;
    if (short_read && length > short_read) length = short_read;
    answer(in, 0, n->content ? n->content + r->offset : NULL, n->content ? length : 0);
    return;
  }
  case FUSE_WRITE: {
    const struct fuse_write_in *w = body;
    struct fuse_write_out out = {.size = w->size};
    put(in->nodeid, w->offset, w + 1, w->size);
    answer(in, 0, &out, sizeof out);
    return;
  }
  case FUSE_READDIR:
    answer_entries(in, body);
    return;
  case FUSE_READLINK:
    answer(in, 0, nodes[in->nodeid].content, nodes[in->nodeid].size);
    return;
  case FUSE_MKDIR:
    make(in, (const char *)body + sizeof(struct fuse_mkdir_in),
         S_IFDIR | ((const struct fuse_mkdir_in *)body)->mode, 0);
    return;
  case FUSE_MKNOD:
    make(in, (const char *)body + sizeof(struct fuse_mknod_in), ((const struct fuse_mknod_in *)body)->mode,
         0);
    return;
  case FUSE_CREATE:
    make(in, (const char *)body + sizeof(struct fuse_create_in), ((const struct fuse_create_in *)body)->mode,
         1);
    return;
  case FUSE_SYMLINK: {
    const char *name = body, *target = name + strlen(name) + 1;
    make(in, name, S_IFLNK | 0777, 0);
    put(find(in->nodeid, name), 0, target, strlen(target));
    return;
  }
  case FUSE_UNLINK:
  case FUSE_RMDIR:
    take_away(in, body);
    return;
  case FUSE_RENAME2:
    rename_to(in, ((const struct fuse_rename2_in *)body)->newdir,
              (const char *)body + sizeof(struct fuse_rename2_in));
    return;
  case FUSE_RENAME:
    rename_to(in, ((const struct fuse_rename_in *)body)->newdir,
              (const char *)body + sizeof(struct fuse_rename_in));
    return;
  case FUSE_STATFS: {
    struct fuse_statfs_out out = {
        .st = {.blocks = 1000, .bfree = 500, .bavail = 500, .bsize = 4096, .namelen = 63}};
    answer(in, 0, &out, sizeof out);
    return;
  }
  // The size alone: there is no more of a file than its content has room for.
  case FUSE_FALLOCATE: {
    const struct fuse_fallocate_in *f = body;
    if (f->offset + f->length > nodes[in->nodeid].size) nodes[in->nodeid].size = f->offset + f->length;
    touch(in->nodeid);
    answer(in, 0, NULL, 0);
    return;
  }
  case FUSE_FLUSH:
  case FUSE_RELEASE:
  case FUSE_RELEASEDIR:
  case FUSE_FSYNC:
    answer(in, 0, NULL, 0);
    return;
  case FUSE_FORGET:
  case FUSE_BATCH_FORGET:
    return;
  default:
    answer(in, ENOSYS, NULL, 0);
  }
}

// Who has asked has been killed: it need not wait.
static void give_up(uint64_t unique) {
  for (int i = 0; i < held_count; i++) {
    struct fuse_in_header *in = held[i].bytes;
    if (in->unique != unique) continue;
    answer(in, EINTR, NULL, 0);
    free(held[i].bytes);
    held[i] = held[--held_count];
    return;
  }
}

static void take(void) {
  static _Alignas(8) uint8_t request[REQUEST_MAX];
  ssize_t n = read(device, request, sizeof request);
  if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) return;
  if (n <= 0) exit(0); // unmounted
  struct fuse_in_header *in = (struct fuse_in_header *)request;
  if (in->opcode < 64) counts[in->opcode]++;
  if (in->opcode == FUSE_INIT) {
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                .minor = 31,
                                .max_readahead = 65536,
                                .max_background = 64,
                                .congestion_threshold = 64,
                                .max_write = 65536,
                                .time_gran = 1};
    answer(in, 0, &out, sizeof out);
    return;
  }
  if (in->opcode == FUSE_INTERRUPT) {
    if (heeds_signals) give_up(((const struct fuse_interrupt_in *)(in + 1))->unique);
    return;
  }
  int waits = stalled == 1 || (stalled == 2 && in->opcode == stalled_op);
  if (waits && in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET) {
    if (held_count == HELD_MAX) exit(3);
    held[held_count] = (struct held){malloc((size_t)n)};
    memcpy(held[held_count++].bytes, request, (size_t)n);
    return;
  }
  serve(in);
}

static void command(char *line) {
  char word[32] = "", first[NAME_SIZE] = "", second[32] = "";
  uint64_t node;
  sscanf(line, "%31s %63s %31s", word, first, second);
  if (strcmp(word, "stall") == 0) {
    stalled = first[0] ? 2 : 1;
    if (first[0]) stalled_op = op_named(first);
  } else if (strcmp(word, "go") == 0) {
    stalled = 0;
    for (int i = 0; i < held_count; i++) {
      serve(held[i].bytes);
      free(held[i].bytes);
    }
    held_count = 0;
  } else if (strcmp(word, "error") == 0) {
    error_op = op_named(first);
    error_now = atoi(second);
  } else if (strcmp(word, "short") == 0)
    short_read = (size_t)atol(first);
  else if (strcmp(word, "delay") == 0)
    read_delay_ms = (unsigned)atoi(first);
  else if (strcmp(word, "asked") == 0) {
    printf("%d\n", held_count);
    return;
  } else if (strcmp(word, "count") == 0) {
    printf("%llu\n", (unsigned long long)counts[op_named(first)]);
    return;
  } else if (strcmp(word, "heed") == 0)
    heeds_signals = 1;
  else if (strcmp(word, "make") == 0)
    add(1, first, S_IFREG | 0644);
  else if ((node = find(1, first)) != 0 && strcmp(word, "remove") == 0) {
    nodes[node].links = 0;
    touch(1);
  } else if (node != 0 && strcmp(word, "size") == 0) {
    nodes[node].size = (uint64_t)atol(second);
    touch(node);
  } else {
    printf("no such command\n");
    return;
  }
  printf("ok\n");
}

int main(int argc, char **argv) {
  char options[128], line[256];
  if (argc < 2) return 2;
  entries = argc > 2 ? atoi(argv[2]) : 0;
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
  if (device < 0 || mount("slow_host", argv[1], "fuse", MS_NOSUID | MS_NODEV, options)) {
    perror("slow_host: mount");
    return 1;
  }
  nodes[1] = (struct node){.mode = S_IFDIR | 0777, .links = 2, .change = clock_now};
  uint64_t file = add(1, "file", S_IFREG | 0666);
  for (int i = 0; i < 100000; i += 10)
    put(file, (uint64_t)i, "0123456789", 10);
  uint64_t directory = add(1, "directory", S_IFDIR | 0777), inner = add(directory, "inner", S_IFREG | 0666);
  put(inner, 0, "inner\n", 6);
  uint64_t link = add(1, "link", S_IFLNK | 0777);
  put(link, 0, "directory/inner", 15);
  add(1, "many", S_IFDIR | 0777);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready\n");
  struct pollfd polled[2] = {{.fd = device, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  char *buffer = line;
  size_t used = 0;
  for (;;) {
    if (poll(polled, 2, -1) < 0) continue;
    if (polled[0].revents) take();
    if (!polled[1].revents) continue;
    ssize_t n = read(0, buffer + used, sizeof line - used - 1);
    if (n <= 0) break;
    used += (size_t)n;
    for (char *end; (end = memchr(buffer, '\n', used)) != NULL;) {
      *end = 0;
      char one[256];
      size_t length = (size_t)(end - buffer) + 1;
      memcpy(one, buffer, length);
      used -= length;
      memmove(buffer, buffer + length, used);
      command(one);
    }
  }
  umount2(argv[1], MNT_DETACH);
  return 0;
}
