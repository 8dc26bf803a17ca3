#@ Packages: fish
#@ Does: functions, lists, pipes, string, math
fish --no-config -c '
function f; for x in $argv; echo (math $x \* 2); end; end
f (seq 5) | string join ,
set -l names a b c; echo $names[-1] (count $names)
echo one two | string split " " | sort -r
for i in (seq 200); true | cat; end; echo $status
begin; sleep 0.1; end & 
wait; echo waited'
