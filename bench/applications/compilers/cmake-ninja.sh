#@ Packages: cmake ninja-build gcc
#@ Needs: cmake ninja
#@ Does: configures, builds, tests and installs a library with a program
cat > CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.20)
project(trial C)
include(CheckFunctionExists)
check_function_exists(epoll_create1 HAVE_EPOLL)
add_library(part SHARED part.c)
add_executable(trial main.c)
target_link_libraries(trial part)
enable_testing()
add_test(NAME works COMMAND trial)
add_test(NAME fails COMMAND trial 1)
set_tests_properties(fails PROPERTIES WILL_FAIL ON)
install(TARGETS part trial)
END
echo 'int part(void) { return 42; }' > part.c
echo '#include <stdio.h>
int part(void); int main(int c, char **v) { printf("%d\n", part()); return c > 1; }' > main.c
cmake -G Ninja -B build -DCMAKE_INSTALL_PREFIX=$HOME/out > log; grep -c . log; ninja -C build > log; build/trial
ctest --test-dir build | grep -E 'tests passed|Test +#' | sed 's/ [0-9.]* sec//'
cmake --install build > /dev/null; find out -type f | sort; ninja -C build | tail -1
