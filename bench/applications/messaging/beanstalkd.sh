#@ Packages: beanstalkd python3
#@ Needs: beanstalkd python3
#@ Does: a queue with a log that outlives the server's death
mkdir b; beanstalkd -l 127.0.0.1 -p 11301 -b b -F & p=$!; until_open 11301
talk() { python3 - "$@" <<'END'
import socket, sys
f = socket.create_connection(("127.0.0.1", 11301)).makefile("rwb")
def say(b): f.write(b); f.flush(); return f.readline().strip()
if sys.argv[1] == "put":
    for i in range(300): say(b"put 0 0 60 4\r\n%04d\r\n" % i)
else:
    n = 0
    for _ in range(300): r = say(b"reserve\r\n"); n += int(f.readline()); say(b"delete " + r.split()[1] + b"\r\n")
    print(n)
END
}
talk put; end_by KILL $p; beanstalkd -l 127.0.0.1 -p 11301 -b b -F & until_open 11301; talk get
