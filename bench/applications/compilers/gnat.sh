#@ Packages: gnat
#@ Needs: gnatmake
#@ Does: tasks with a rendezvous
cat > p.adb <<'END'
with Ada.Text_IO; use Ada.Text_IO;
procedure P is
   task type T is entry Go (N : Integer); entry Done (R : out Integer); end T;
   task body T is X : Integer; begin accept Go (N : Integer) do X := N; end Go; delay 0.01; accept Done (R : out Integer) do R := X * X; end Done; end T;
   All_Of_Them : array (1 .. 20) of T; R, S : Integer := 0;
begin
   for I in All_Of_Them'Range loop All_Of_Them (I).Go (I); end loop;
   for I in All_Of_Them'Range loop All_Of_Them (I).Done (R); S := S + R; end loop;
   Put_Line (Integer'Image (S));
   begin R := Integer'Value ("x"); exception when Constraint_Error => Put_Line ("caught"); end;
end P;
END
gnatmake -q p.adb; ./p
