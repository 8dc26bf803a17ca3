#@ Packages: memcached
#@ Does: sets, gets and counters of twenty connections over TCP and a Unix socket
#@ Needs: memcached python3
memcached -l 127.0.0.1 -p 11311 -t 4 & memcached -s $HOME/s & until_open 11311; until_so test -S s
python3 - <<'END'
import socket, threading
def use(make, k):
    s = make(); f = s.makefile("rwb")
    for i in range(200):
        v = b"%d-%d" % (k, i) * 20; f.write(b"set k%d.%d 0 0 %d\r\n%s\r\n" % (k, i, len(v), v)); f.flush(); assert f.readline() == b"STORED\r\n"
        f.write(b"get k%d.%d\r\n" % (k, i)); f.flush(); f.readline(); assert f.readline() == v + b"\r\n"; f.readline()
    f.write(b"incr n 1\r\n"); f.flush(); f.readline()
def unix():
    s = socket.socket(socket.AF_UNIX); s.connect("s"); return s
for make in (lambda: socket.create_connection(("127.0.0.1", 11311)), unix):
    s = make(); s.sendall(b"set n 0 0 1\r\n0\r\n"); s.recv(100)
    ts = [threading.Thread(target=use, args=(make, k)) for k in range(20)]; [t.start() for t in ts]; [t.join() for t in ts]
    s.sendall(b"get n\r\n"); print(s.recv(100)); s.sendall(b"stats\r\n"); d = b""
    while not d.endswith(b"END\r\n"): d += s.recv(9999)
    print([l for l in d.split(b"\r\n") if b"cmd_set" in l or b"get_hits" in l])
END
