#@ Packages: dash
#@ Does: pipelines, here-documents, traps, two thousand forks
dash -c '
i=0; while [ $i -lt 2000 ]; do (:); i=$((i + 1)); done; echo $i
cat <<END | tr a-z A-Z
here $i
END
trap "echo term" TERM; kill -TERM $$; trap - TERM
mkfifo f; echo fifo > f & cat f; wait
{ sleep 0.1; exit 3; } & wait $!; echo $?'
