#@ Packages: graphviz
#@ Needs: dot
#@ Does: a graph of eighty nodes in two layouts and three formats
{ echo 'digraph g {'; for i in $(seq 80); do echo "n$i -> n$((i * 7 % 80 + 1)); n$i -> n$((i / 2 + 1));"; done; echo '}'; } > g.dot; dot -Tsvg g.dot | md5sum; dot -Tplain g.dot | md5sum; twopi -Tplain g.dot | md5sum; dot -Tpng g.dot | head -c 8 | xxd -p
