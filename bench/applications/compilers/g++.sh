#@ Packages: g++
#@ Does: templates, exceptions over threads, a precompiled header, C++20
cat > h.hh <<'END'
#include <algorithm>
#include <future>
#include <iostream>
#include <map>
#include <ranges>
#include <regex>
#include <thread>
#include <vector>
#include <filesystem>
END
cat > p.cc <<'END'
#include "h.hh"
int main() {
  std::vector<std::future<int>> all;
  for (int i = 0; i < 8; i++) all.push_back(std::async(std::launch::async, [i] { if (i == 5) throw std::runtime_error("five"); return i * i; }));
  for (auto &f : all) try { std::cout << f.get() << ' '; } catch (std::exception &e) { std::cout << e.what() << ' '; }
  for (int x : std::views::iota(1, 20) | std::views::filter([](int n) { return n % 3 == 0; })) std::cout << x << ' ';
  std::filesystem::create_directories("a/b"); std::cout << std::filesystem::exists("a/b") << std::regex_match("abc", std::regex("a.c")) << '\n';
}
END
g++ -std=c++20 -O1 -x c++-header h.hh -o h.hh.gch; g++ -std=c++20 -O1 -Winvalid-pch p.cc -o p -pthread; ./p
