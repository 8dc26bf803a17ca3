#@ Packages: elixir
#@ Does: tasks, agents, a supervisor that restarts
cat > p.exs <<'END'
IO.puts Enum.sum(Task.await_many(for i <- 1..500, do: Task.async(fn -> i * i end)))
{:ok, a} = Agent.start_link(fn -> 0 end); for i <- 1..1000, do: Agent.update(a, &(&1 + i)); IO.puts Agent.get(a, & &1)
{o, c} = System.cmd("sh", ["-c", "echo out; exit 5"]); IO.puts "#{o}#{c}"
File.write!("f", Enum.map_join(1..10000, "\n", &to_string/1)); IO.puts File.stream!("f") |> Enum.count()
END
elixir p.exs
