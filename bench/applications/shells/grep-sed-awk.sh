#@ Packages: grep sed gawk
#@ Needs: grep sed awk
#@ Does: searches in /usr/include, edits in place, sums
grep -rn --include='*.h' -c 'define' /usr/include/linux | sort | md5sum
grep -rlE '^struct [a-z_]+ \{' /usr/include/linux | sort | tail -3
cp -r /usr/include/linux .; find linux -name '*.h' -exec sed -i 's/struct/STRUCT/g' {} +
cat $(find linux -name '*.h' | sort) | md5sum
awk '{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) print n[w], w }' $(find linux -name '*.h') | sort -rn | head -3
awk 'BEGIN { "echo piped" | getline x; print x; while (i++ < 100) system("true"); print "out" | "cat" }'
