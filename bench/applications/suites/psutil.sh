#@ Packages: python3-psutil python3-pytest
#@ Needs: /usr/lib/python3/dist-packages/psutil/tests
#@ Does: its own tests, of which most compare /proc with what tools say
#@ Lines: outcomes
#@ Differs: ::test_mtu$ -- /sys/class/net has no devices
#@ Differs: disk_io_counters|wrap_|WrapNumbers|disk_partitions|RootFsDeviceFinder -- there are no disks
#@ Differs: ::test_io_counters$ -- /proc/PID/io is 0
#@ Differs: ctx_switches|test_cpu_stats -- switches of contexts are not counted
#@ Differs: test_serialization|sensors_battery -- /sys/class/power_supply is missing
#@ Differs: test_memleaks|TestMemLeak -- they measure memory
#@ Deadline: 600
timeout 500 python3 -B -m pytest -p no:cacheprovider -v --tb=no --pyargs psutil.tests > log 2>&1 || true
sed -nE 's/^([^ ]+::[^ ]+) (PASSED|FAILED|ERROR|SKIPPED).*/\1 \2/p' log | sed 's/ PASSED$/ ok/'
