#@ Packages: python3
#@ Does: a process pool, threads, asyncio, sockets, mmap, sqlite3, subprocesses, archives
cat > p.py <<'END'
import asyncio, concurrent.futures as f, hashlib, json, mmap, multiprocessing as mp, os, signal, socket, sqlite3, subprocess, tarfile, tempfile, threading, time, zipfile
def work(n): return sum(i * i for i in range(n))
async def echo(r, w):
    w.write((await r.readline()).upper()); await w.drain(); w.close()
async def client(port, i):
    r, w = await asyncio.open_connection("127.0.0.1", port); w.write(b"text %d\n" % i); d = await r.read(); w.close(); return len(d)
async def main():
    s = await asyncio.start_server(echo, "127.0.0.1", 0); port = s.sockets[0].getsockname()[1]
    print(sum(await asyncio.gather(*(client(port, i) for i in range(300)))))
    p = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1); print(len((await p.communicate(b"x" * 300000))[0]), p.returncode)
if __name__ == "__main__":
    with f.ProcessPoolExecutor(3) as e: print(sum(e.map(work, range(1000, 40000, 1000))))
    with f.ThreadPoolExecutor(8) as e: print(sum(e.map(work, range(1000, 20000, 1000))))
    with mp.get_context("spawn").Pool(2) as e: print(e.map(work, range(5)))
    q = mp.Queue(); ps = [mp.Process(target=q.put, args=(i,)) for i in range(4)]; [p.start() for p in ps]; print(sorted(q.get() for _ in ps)); [p.join() for p in ps]
    asyncio.run(main())
    with open("f", "w+b") as h:
        h.truncate(1 << 20); m = mmap.mmap(h.fileno(), 0); m[1000:1004] = b"mmap"; m.flush(); print(os.pread(h.fileno(), 4, 1000))
    d = sqlite3.connect("d"); d.execute("create table t(a)"); d.executemany("insert into t values(?)", ((i,) for i in range(10000))); d.commit(); print(d.execute("select sum(a) from t").fetchone())
    print(subprocess.run(["sh", "-c", "echo $0; exit 7", "arg"], capture_output=True))
    with tarfile.open("t.tgz", "w:gz") as t: t.add("f")
    with zipfile.ZipFile("z", "w", zipfile.ZIP_DEFLATED) as z: z.write("f"); print(z.testzip())
    signal.signal(signal.SIGALRM, lambda *_: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)
END
python3 p.py; python3 -c 'raise SystemExit(3)' || echo $?; python3 -m venv --without-pip v; v/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'
