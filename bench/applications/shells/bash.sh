#@ Packages: bash
#@ Does: coprocess, process substitution, traps, job control, a thousand subshells
coproc CAT { cat; }
echo through >&"${CAT[1]}"; read -r line <&"${CAT[0]}"; echo "$line"
eval "exec ${CAT[1]}>&-"; wait "$CAT_PID"; echo "coprocess $?"
diff <(seq 1 100) <(seq 1 101) || true
trap 'echo usr1' USR1; kill -USR1 $$
set -m; sleep 100 & kill %1; wait %1 || echo "job $?"
for i in {1..1000}; do x=$(echo $((i * i))); done; echo "$x"
(ulimit -n 20; ulimit -n)
printf '%s\n' {a..e}{1..3} | sort -r | head -4
exec {fd}> file; flock $fd; echo locked; timeout 1 true; echo $?
