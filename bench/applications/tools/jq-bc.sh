#@ Packages: jq bc
#@ Needs: jq bc
#@ Does: a million numbers, documents, a thousand digits of pi
seq 200000 | jq -s 'add, (map(select(. % 7 == 0)) | length)'; jq -n '[range(20000) | { a: ., b: (. | tostring) }] | group_by(.a % 10) | map(length)' -c; echo 'scale=600; 4*a(1)' | bc -l | md5sum
