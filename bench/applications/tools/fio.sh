#@ Packages: fio
#@ Does: random reads and writes with verification by five engines
for e in sync psync pvsync2 mmap posixaio; do fio --name=$e --ioengine=$e --rw=randrw --size=8m --bs=4k --numjobs=2 --verify=crc32c --filename_format='$jobname.$jobnum' --output-format=json | sed -n '/^{/,$p' | python3 -c 'import json, sys; j = json.load(sys.stdin)["jobs"]; print(j[0]["jobname"], [x["error"] for x in j], sum(x["read"]["total_ios"] > 0 for x in j))'; done
