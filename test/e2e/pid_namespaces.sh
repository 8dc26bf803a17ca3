# PID namespaces as util-linux and an init for containers use them. What is printed is the same natively.
own="unshare --fork --pid --mount-proc"
# In one line, since columns are as wide as pid_max.
processes='echo $$; echo $(ps ax -o pid=,ppid=,args=)'

echo "-- ps"
$own sh -c "$processes"
$own sh -c 'readlink /proc/self; grep -E "^(Pid|PPid|NSpid)" /proc/$$/status'
echo "-- tini"
$own tini -s -- sh -c 'sleep 0.1 & exec true'
echo "status $?"
$own tini -- sh -c 'exit 7'
echo "status $?"
$own tini -- sh -c 'kill -TERM $$; sleep 5'
echo "status $?"
$own sh -c 'kill -TERM 1; kill -KILL 1; echo still here'
echo "-- nsenter"
$own sleep 30 &
launched=$!
until init=$(pgrep -P $launched -x sleep); do sleep 0.01; done
nsenter -t "$init" -p -m sh -c "$processes"
sed -n 's/^NSpid:\t[0-9]*\t/below it is /p' "/proc/$init/status"
lsns -n -t pid -p "$init" -o NPROCS,COMMAND 2>/dev/null | sed 's/  */ /g; s/^ //'
kill "$init"
sleep 0.1
kill -0 "$init" && echo "what it has no handler for does not reach it, from within alone"
kill -KILL "$init"
wait $launched
echo "status $?"
