#@ Packages: parallel inotify-tools
#@ Needs: parallel inotifywait
#@ Does: two hundred jobs four at a time; events of a tree
seq 200 | parallel --will-cite -j4 'echo $(({} * 2))' | sort -n | md5sum; mkdir w; inotifywait -m -r --format '%e %f' w > ev 2> st & until_so grep established st; echo x > w/a; mkdir w/d; sleep 0.2; mv w/a w/d/b; rm -r w/d; until_so grep DELETE_SELF ev; kill $!; cat ev | sort | uniq -c
