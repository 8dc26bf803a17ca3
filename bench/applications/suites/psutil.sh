#@ Packages: python3-psutil python3-pytest
#@ Needs: /usr/lib/python3/dist-packages/psutil/tests
#@ Does: its own tests, of which most compare /proc with what tools say
#@ Lines: outcomes
#@ Deadline: 600
timeout 500 python3 -B -m pytest -p no:cacheprovider -v --tb=no --pyargs psutil.tests > log 2>&1 || true
sed -nE 's/^([^ ]+::[^ ]+) (PASSED|FAILED|ERROR|SKIPPED).*/\1 \2/p' log | sed 's/ PASSED$/ ok/'
