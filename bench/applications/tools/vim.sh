#@ Packages: vim
#@ Does: substitutions, macros, a filter, jobs with channels
seq 1000 > f; vim -es -u NONE -c 'g/7/d' -c '%s/1/one/ge' -c '%!sort -r' -c 'let @q = "dd"' -c 'normal 3@q' -c wq f || true; md5sum < f; vim -es -u NONE -c 'call writefile([system("echo sub")], "o")' -c 'let j = job_start(["sh", "-c", "echo job"], {"out_io": "file", "out_name": "p"})' -c 'sleep 300m' -c 'qa!' || true; cat o p
