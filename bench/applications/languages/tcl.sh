#@ Packages: tcl
#@ Needs: tclsh
#@ Does: sockets with events, pipes, threads of after
cat > p.tcl <<'END'
proc accept {c a p} { fconfigure $c -buffering line; fileevent $c readable [list serve $c] }
proc serve {c} { if {[gets $c l] < 0} { close $c } else { puts $c [string toupper $l] } }
set s [socket -server accept -myaddr 127.0.0.1 0]; set port [lindex [fconfigure $s -sockname] 2]
set n 0
proc got {c} { global n done; incr n [string length [gets $c]]; close $c; if {[incr done] == 50} { set ::all 1 } }
set done 0
for {set i 0} {$i < 50} {incr i} { set c [socket 127.0.0.1 $port]; fconfigure $c -buffering line; puts $c "text $i"; fileevent $c readable [list got $c] }
vwait all; puts $n
puts [exec seq 1 5 | sort -r | tr \n ,]; catch {exec sh -c "exit 4"} m o; puts [dict get $o -errorcode]
after 50 {puts timer; set t 1}; vwait t; set f [open x w]; for {set i 0} {$i < 30000} {incr i} {puts $f $i}; close $f; puts [file size x]
END
tclsh p.tcl 2>&1 | sed 's/CHILDSTATUS [0-9]*/CHILDSTATUS/'
