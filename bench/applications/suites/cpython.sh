#@ Packages: libpython3.13-testsuite
#@ Needs: /usr/lib/python3.13/test/test_wait3.py
#@ Does: test_os, subprocess, threading, signal, mmap, socket, asyncio, multiprocessing and others of its own tests
#@ Lines: outcomes
#@ Deadline: 1200
export PYTHONDONTWRITEBYTECODE=1
for name in os subprocess threading signal mmap fcntl posix pty socket select poll epoll selectors io asyncio.test_events asyncio.test_subprocess asyncio.test_unix_events multiprocessing_fork.test_processes shutil tempfile pathlib resource wait3 wait4 faulthandler threadsignals tarfile sqlite3 venv; do
  timeout -k 5 300 python3 -m test -v --timeout=150 test_$name > log 2>&1 || true
  sed -nE 's/^(test\w*) \(test\.([^ )]+)\).* \.\.\. .*(ok|FAIL|ERROR|skipped).*$/\2 \3/p' log
done
