#@ Packages: sysbench
#@ Does: threads, mutexes, memory, files
sysbench --threads=4 --events=200 --time=0 threads run | grep 'number of events'; sysbench --threads=4 --mutex-num=64 --mutex-locks=2000 mutex run | grep 'number of events'; sysbench --memory-total-size=200M memory run | grep -E '^ *[0-9.]+ MiB tr' | cut -d'(' -f1; sysbench --file-total-size=8M --file-num=16 fileio prepare > /dev/null; sysbench --file-total-size=8M --file-num=16 --file-test-mode=rndrw --events=2000 --time=0 fileio run | grep 'number of events'
