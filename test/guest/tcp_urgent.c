// Urgent data of TCP: apart, in line, the mark, the signal.
//@ needs: tcp
//@ args: 4
//@ args: 6
#include "tcp.h"

static volatile int signals;

static void on_urgent(int number) {
  signals += number == SIGURG;
}

static int at_mark(void) {
  return count_of(server, SIOCATMARK);
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  signal(SIGURG, on_urgent);
  join();
  take("none", server, 1, MSG_OOB);
  give("before", client, "abc", 0);
  give("urgent", client, "XY", MSG_OOB);
  give("after", client, "def", 0);
  say("ready %x, %d bytes, mark %d", ready(server), count_of(server, FIONREAD), at_mark());
  take("peek at it", server, 9, MSG_OOB | MSG_PEEK);
  take("up to the mark", server, 50, 0);
  say("ready %x, %d bytes, mark %d", ready(server), count_of(server, FIONREAD), at_mark());
  take("urgent", server, 9, MSG_OOB);
  take("once", server, 9, MSG_OOB);
  say("ready %x, mark %d", ready(server), at_mark());
  take("after the mark", server, 50, 0);
  say("ready %x, mark %d", ready(server), at_mark());
  take("gone", server, 9, MSG_OOB);

  give("never asked for", client, "Q", MSG_OOB);
  give("and on", client, "on", 0);
  take("it is left out", server, 50, 0);
  take("too late", server, 9, MSG_OOB);

  int one = 1;
  setsockopt(server, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one);
  give("before", client, "ab", 0);
  give("urgent", client, "Z", MSG_OOB);
  give("after", client, "cd", 0);
  take("not apart", server, 9, MSG_OOB);
  say("ready %x, %d bytes, mark %d", ready(server), count_of(server, FIONREAD), at_mark());
  take("to the mark", server, 50, 0);
  say("mark %d", at_mark());
  take("in line", server, 50, 0);
  say("mark %d, ready %x", at_mark(), ready(server));

  say("no owner: %d", signals);
  fcntl(server, F_SETOWN, getpid());
  give("urgent", client, "!", MSG_OOB);
  for (int i = 0; i < 200 && signals == 0; i++)
    usleep(10000);
  say("signals: %d", signals);
  take("in line", server, 9, 0);
  return 0;
}
