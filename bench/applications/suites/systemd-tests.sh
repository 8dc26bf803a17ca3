#@ Packages: systemd-tests
#@ Needs: /usr/lib/systemd/tests/unit-tests
#@ Does: its unit tests, each a program
#@ Lines: outcomes
#@ Differs: ^test-(sd-device|sd-device-thread|udev-device-thread|udev-format|network)$ -- /sys names few devices
#@ Differs: ^test-(bus-creds|engine|load-fragment|login|path|sched-prio|unit-serialize)$ -- there is no /sys/fs/cgroup
#@ Differs: ^test-(fiemap|recurse-dir)$ -- what file systems here are
#@ Differs: ^test-(loopback|resolved-stream)$ -- they make user namespaces, or ask IP_PKTOPTIONS
#@ Differs: ^test-netlink$ -- there is no generic netlink
#@ Differs: ^test-random-util$ -- it asks for random numbers for longer than it may take
#@ Deadline: 900
for test in /usr/lib/systemd/tests/unit-tests/test-*; do
  timeout -k 2 20 "$test" > log 2>&1 && code=0 || code=$?
  case $code in 0) said=ok ;; 77) said=skipped ;; *) said=FAIL-$code ;; esac
  echo "${test##*/} $said"
done
