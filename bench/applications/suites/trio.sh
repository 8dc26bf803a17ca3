#@ Packages: python3-trio python3-pytest
#@ Needs: /usr/lib/python3/dist-packages/trio/_tests
#@ Does: its own tests
#@ Lines: outcomes
#@ Deadline: 600
timeout 500 python3 -B -m pytest -p no:cacheprovider -v --tb=no --pyargs trio > log 2>&1 || true
sed -nE 's/^([^ ]+::[^ ]+) (PASSED|FAILED|ERROR|SKIPPED).*/\1 \2/p' log | sed 's/ PASSED$/ ok/'
