// select and pselect6 on pipes: sets, counts, time-outs, errors.
//@ needs: pipes poll
#include "guest.h"
#include <fcntl.h>
#include <sys/select.h>

static int p[2], q[2];

static void show(const char *what, long n, fd_set *r, fd_set *w, fd_set *e) {
  char text[200] = "";
  fd_set *sets[3] = {r, w, e};
  for (int s = 0; s < 3; s++) {
    strcat(text, s == 0 ? " r" : s == 1 ? " w" : " e");
    for (int fd = 0; sets[s] && fd < 80; fd++)
      if (FD_ISSET(fd, sets[s])) sprintf(text + strlen(text), " %d", fd);
  }
  if (failed(n))
    say("%s: %s%s", what, error_name(n), text);
  else
    say("%s: %ld%s", what, n, text);
}

int main(void) {
  char page[8192] = "";
  fd_set r, w, e;
  struct timeval zero = {0, 0}, soon = {0, 5000}, t;
  pipe(p), pipe(q);
#define FRESH memset(&r, 0, sizeof r), memset(&w, 0, sizeof w), memset(&e, 0, sizeof e)
  FRESH;
  FD_SET(p[0], &r), FD_SET(q[0], &r), FD_SET(p[1], &w), FD_SET(p[0], &e);
  show("empty", SYS_5(SYS_select, 20, &r, &w, &e, 0), &r, &w, &e);
  write(q[1], page, 5);
  FRESH;
  FD_SET(p[0], &r), FD_SET(q[0], &r), FD_SET(q[0], &w), FD_SET(q[1], &w);
  show("one to read", SYS_5(SYS_select, 20, &r, &w, 0, 0), &r, &w, 0);
  FRESH;
  FD_SET(p[0], &r);
  t = soon;
  show("time-out", SYS_5(SYS_select, 20, &r, 0, 0, &t), &r, 0, 0);
  say("left %ld %ld", (long)t.tv_sec, (long)t.tv_usec);
  FRESH;
  FD_SET(p[0], &r);
  show("no time", SYS_5(SYS_select, 20, &r, 0, 0, &zero), &r, 0, 0);
  FRESH;
  FD_SET(q[0], &r);
  t = (struct timeval){5, 0};
  show("ready", SYS_5(SYS_select, 20, &r, 0, 0, &t), &r, 0, 0);
  yes_no("most is left", t.tv_sec == 4);
  FRESH;
  FD_SET(q[0], &r);
  show("beyond the number", SYS_5(SYS_select, q[0], &r, 0, 0, &zero), &r, 0, 0);
  FRESH;
  FD_SET(q[0], &r), FD_SET(50, &w);
  show("not open", SYS_5(SYS_select, 60, &r, &w, 0, &zero), &r, &w, 0);
  close(q[1]);
  read(q[0], page, 10);
  FRESH;
  FD_SET(q[0], &r), FD_SET(q[0], &w), FD_SET(q[0], &e);
  show("no writer", SYS_5(SYS_select, 60, &r, &w, &e, &zero), &r, &w, &e);
  close(p[0]);
  FRESH;
  FD_SET(p[1], &r), FD_SET(p[1], &w), FD_SET(p[1], &e);
  show("no reader", SYS_5(SYS_select, 60, &r, &w, &e, &zero), &r, &w, &e);
  show("no sets", SYS_5(SYS_select, 0, 0, 0, 0, &soon), 0, 0, 0);
  show("negative", SYS_5(SYS_select, -1, &r, 0, 0, &zero), 0, 0, 0);
  t = (struct timeval){0, 1002000};
  FRESH;
  FD_SET(p[1], &w);
  show("more microseconds than a second has", SYS_5(SYS_select, 20, 0, &w, 0, &t), 0, &w, 0);
  yes_no("left", t.tv_sec == 1 || t.tv_sec == 0);
  t = (struct timeval){-1, 0};
  show("negative time", SYS_5(SYS_select, 20, 0, &w, 0, &t), 0, 0, 0);
  t = (struct timeval){0, -1};
  show("negative microseconds", SYS_5(SYS_select, 20, 0, &w, 0, &t), 0, 0, 0);
  show("bad set", SYS_5(SYS_select, 20, 8, 0, 0, &zero), 0, 0, 0);
  show("bad time", SYS_5(SYS_select, 20, 0, 0, 0, 8), 0, 0, 0);
  show("bad set of no descriptors", SYS_5(SYS_select, 0, 8, 0, 0, &zero), 0, 0, 0);
  FRESH;
  FD_SET(p[1], &w);
  show("a huge number", SYS_5(SYS_select, 1 << 30, 0, &w, 0, &zero), 0, &w, 0);

  struct timespec ts = {0, 3000000}, bad = {0, 1000000000};
  unsigned long mask = 0;
  struct {
    void *set;
    size_t size;
  } m = {&mask, 8}, m4 = {&mask, 4}, mbad = {(void *)8, 8}, mnull = {0, 4};
  FRESH;
  FD_SET(p[1], &w);
  show("pselect", SYS_6(SYS_pselect6, 20, 0, &w, 0, &ts, &m), 0, &w, 0);
  show("pselect, no mask", SYS_6(SYS_pselect6, 0, 0, 0, 0, &ts, 0), 0, 0, 0);
  say("left %ld %ld", (long)ts.tv_sec, (long)ts.tv_nsec);
  show("pselect, null mask", SYS_6(SYS_pselect6, 0, 0, 0, 0, &ts, &mnull), 0, 0, 0);
  show("pselect, bad size", SYS_6(SYS_pselect6, 0, 0, 0, 0, &ts, &m4), 0, 0, 0);
  show("pselect, bad mask", SYS_6(SYS_pselect6, 0, 0, 0, 0, &ts, &mbad), 0, 0, 0);
  show("pselect, bad mask argument", SYS_6(SYS_pselect6, 0, 0, 0, 0, &ts, 8), 0, 0, 0);
  show("pselect, bad time", SYS_6(SYS_pselect6, 0, 0, 0, 0, &bad, 0), 0, 0, 0);

  dup2(p[1], 70);
  FRESH;
  FD_SET(70, &w);
  show("a high descriptor", SYS_5(SYS_select, 71, 0, &w, 0, &zero), 0, &w, 0);
  return 0;
}
