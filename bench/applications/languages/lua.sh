#@ Packages: lua5.4 luajit
#@ Needs: lua5.4 luajit
#@ Does: coroutines, pipes, files, the just-in-time compiler
cat > p.lua <<'END'
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(co(), co(), co())
local h = io.popen("seq 100 | wc -l") print(tonumber(h:read("a") or h:read("*a")) ) h:close()
local f = io.open("f", "w") for i = 1, 50000 do f:write(i, "\n") end f:close() local s = 0 for l in io.lines("f") do s = s + tonumber(l) end print(string.format("%d", s))
print(os.execute("exit 3")) print(pcall(error, "caught"))
local t = {} for i = 1, 2000000 do t[i % 1000 + 1] = (t[i % 1000 + 1] or 0) + i % 7 end local n = 0 for _, v in ipairs(t) do n = n + v end print(string.format("%d", n))
END
lua5.4 p.lua; luajit p.lua; luajit -e 'local ffi = require("ffi"); ffi.cdef[[int getpid(void); int printf(const char *f, ...);]] io.stdout:flush() print(ffi.C.getpid() > 0)'
