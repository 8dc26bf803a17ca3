// Descriptors that go along with a message of a unix socket (SCM_RIGHTS): attached to one that is to be sent, and the one
// that may have come with one that was received.
#ifndef RINGFENCE_RIGHTS_H
#define RINGFENCE_RIGHTS_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

// Declares where up to `count` descriptors go along.
#define RIGHTS_CONTROL(name, count)                                                                          \
  char name[CMSG_SPACE((count) * sizeof(int))] __attribute__((aligned(sizeof(size_t))))

// Attaches descriptors to a message, by a `control` with room for them. Without any the message stays as it is.
static inline void rights_attach(struct msghdr *message, void *control, const int *descriptors,
                                 size_t count) {
  size_t size = count * sizeof(int);
  if (count == 0) return;
  memset(control, 0, CMSG_SPACE(size));
  message->msg_control = control;
  message->msg_controllen = CMSG_SPACE(size);
  struct cmsghdr *rights = CMSG_FIRSTHDR(message);
  *rights = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
  memcpy(CMSG_DATA(rights), descriptors, size);
}

// Receives a message with at most one descriptor: its length, or -1 with errno. `*fd` is -1 where none came, and -EMFILE
// where there was no room for it. There is no place for a second one, which the kernel then keeps.
static inline ssize_t rights_receive(int socket, void *bytes, size_t size, int flags, int *fd) {
  RIGHTS_CONTROL(control, 1);
  struct iovec part = {bytes, size};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_LEN(sizeof *fd)};
  ssize_t n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  if (n < 0) return n;
  const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  *fd = message.msg_flags & MSG_CTRUNC ? -EMFILE : -1;
  if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
    memcpy(fd, CMSG_DATA(rights), sizeof *fd);
  return n;
}

#endif
