#@ Packages: stress-ng
#@ Does: each of its stressors but those that eat memory, for a second each
#@ Lines: outcomes
#@ Differs: ^ptrace$ -- there is no ptrace(2)
#@ Differs: ^pty$ -- terminals have no ioctls of struct termio
#@ Differs: ^handle$ -- no file system has handles
#@ Differs: ^fsize$ -- files are of less than 2^53 bytes
#@ Deadline: 1500
for name in $(stress-ng --stressors); do
  case $name in bigheap | brk | stack | oom-pipe) continue ;; esac
  timeout -k 2 20 stress-ng --$name 1 --timeout 1 --temp-path . > log 2>&1 && code=0 || code=$?
  case $code in 0) said=ok ;; 3 | 4) said=skipped ;; *) said=FAIL-$code ;; esac
  echo "$name $said"
done
