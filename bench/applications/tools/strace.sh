#@ Packages: strace
#@ Does: the calls of a child, followed through forks
strace -f -o log sh -c 'echo hi; /bin/true'; grep -c execve log
