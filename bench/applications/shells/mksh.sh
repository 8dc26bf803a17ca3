#@ Packages: mksh
#@ Does: arrays, coprocess, pipelines, arithmetic
mksh -c '
set -A a one two three; echo ${#a[*]} ${a[1]}
cat |& print -p text; read -p x; echo $x
i=0; while ((i < 500)); do (:); ((i++)); done; echo $i
ls /proc/self/fd >/dev/null && echo $((2#1010 << 3)) | { read v; echo got $v; }'
