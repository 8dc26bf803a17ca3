#@ Packages: python3-gevent
#@ Needs: /usr/lib/python3/dist-packages/gevent/tests
#@ Does: its own tests, each module a process
#@ Lines: outcomes
#@ Deadline: 900
for module in $(cd /usr/lib/python3/dist-packages/gevent/tests; ls test__*.py); do
  timeout -k 2 60 python3 -B -m gevent.tests.${module%.py} > log 2>&1 && code=0 || code=$?
  echo "${module%.py} $([ $code = 0 ] && echo ok || echo FAIL-$code)"
done
