#@ Packages: python3-twisted
#@ Needs: trial3
#@ Does: the tests of its reactors, processes, sockets and protocols
#@ Lines: outcomes
#@ Deadline: 900
timeout 800 trial3 --reporter=verbose twisted.internet twisted.test.test_process twisted.test.test_tcp > log 2>&1 || true
awk '/^twisted/ { module = $1 } / \.\.\. +\[(OK|FAIL|ERROR|SKIPPED)\]/ { print module, $1, $0 ~ /\[OK\]/ ? "ok" : $NF }' log
