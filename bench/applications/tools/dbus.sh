#@ Packages: dbus dbus-bin
#@ Needs: dbus-daemon dbus-send dbus-monitor
#@ User: www-data
#@ Does: a bus of its own, names, a signal that a monitor sees
echo "<busconfig><type>session</type><listen>unix:path=$HOME/bus</listen><auth>EXTERNAL</auth><policy context='default'><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/></policy></busconfig>" > conf; dbus-daemon --config-file=conf --nofork 2> /dev/null & until_so test -S bus; export DBUS_SESSION_BUS_ADDRESS=unix:path=$HOME/bus
dbus-monitor "interface='a.b'" > seen & sleep 0.5; dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames | grep -c string; dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetConnectionUnixUser string:org.freedesktop.DBus | tail -1; dbus-send --session / a.b.c string:told; until_so grep told seen; grep told seen
