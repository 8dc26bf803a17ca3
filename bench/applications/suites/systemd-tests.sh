#@ Packages: systemd-tests
#@ Needs: /usr/lib/systemd/tests/unit-tests
#@ Does: its unit tests, each a program
#@ Lines: outcomes
#@ Differs: ^test-(sd-device|udev-device)-thread -- /sys names few devices
#@ Deadline: 900
for test in /usr/lib/systemd/tests/unit-tests/test-*; do
  timeout -k 2 20 "$test" > log 2>&1 && code=0 || code=$?
  case $code in 0) said=ok ;; 77) said=skipped ;; *) said=FAIL-$code ;; esac
  echo "${test##*/} $said"
done
