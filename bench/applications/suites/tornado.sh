#@ Packages: python3-tornado
#@ Needs: /usr/lib/python3/dist-packages/tornado/test
#@ Does: its own tests: servers and clients over loopback
#@ Lines: outcomes
#@ Differs: linear_performance$ -- they measure time
#@ Deadline: 600
timeout 500 python3 -B -m tornado.test --verbose > log 2>&1 || true
sed -nE 's/^(\w+) \(([^ )]+)\).*\.\.\. (ok|FAIL|ERROR|skipped).*/\2 \3/p' log
