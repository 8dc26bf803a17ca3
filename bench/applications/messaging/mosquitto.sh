#@ Packages: mosquitto mosquitto-clients
#@ Needs: mosquitto mosquitto_pub mosquitto_sub
#@ Does: two hundred messages of each quality, retained ones, a will
mosquitto -p 1884 > log 2>&1 & until_open 1884
for q in 0 1 2; do mosquitto_sub -p 1884 -q $q -t t/$q -C 200 > got$q & s=$!; sleep 0.3; seq 200 | mosquitto_pub -p 1884 -q $q -t t/$q -l; wait $s; md5sum < got$q; done
mosquitto_pub -p 1884 -r -t kept -m retained; mosquitto_sub -p 1884 -t kept -C 1; mosquitto_sub -p 1884 -t will -C 1 > w & sleep 0.3; mosquitto_sub -p 1884 -t x --will-topic will --will-payload died & v=$!; sleep 0.3; end_by KILL $v; until_so grep died w; cat w
