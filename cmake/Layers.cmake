# One target per layer. A layer links what its row of docs/architecture.md allows and nothing else,
# so that a forbidden call does not link; tests/lint checks the includes.

add_library(flaskscale_options INTERFACE)
target_compile_options(flaskscale_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
target_include_directories(flaskscale_options INTERFACE ${PROJECT_SOURCE_DIR})

# flaskscale_layer(NAME [COMPUTES] SOURCES … HEADERS … DEPS …): static library flaskscale_NAME of the calling folder.
# COMPUTES: its tests compute for minutes, so that also a build without optimisation optimises it a little.
function(flaskscale_layer name)
  cmake_parse_arguments(ARG "COMPUTES" "" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(flaskscale_${name} STATIC ${ARG_SOURCES})
  add_library(flaskscale::${name} ALIAS flaskscale_${name})
  target_sources(flaskscale_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  target_link_libraries(flaskscale_${name} PUBLIC flaskscale_options ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  if(ARG_COMPUTES AND CMAKE_CXX_FLAGS MATCHES "-O0")
    target_compile_options(flaskscale_${name} PRIVATE -O1)
  endif()
endfunction()

# What the thread sanitizer's tests need, so that its build makes nothing else.
add_custom_target(threads_tests)

# flaskscale_test(NAME LABEL unit|integration|… SOURCES … DEPS …): one GoogleTest program, its cases found by ctest.
# Several labels ("unit;threads") become one, unit+threads: gtest_discover_tests takes no list, and
# `ctest -L threads` is a search.
# PROCESSORS 2: it computes all the time; others (1) mostly wait, so that ctest runs twice as many
# beside each other as there are CPUs. The number is also its COST: those that wait for nobody begin
# first, the last one else runs alone.
function(flaskscale_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;PROCESSORS" "LABEL;SOURCES;DEPS" ${ARGN})
  if(NOT ARG_PROCESSORS)
    set(ARG_PROCESSORS 1)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)  # the local names of tests clash
  target_compile_options(${name} PRIVATE -Wno-sign-conversion -Wno-conversion)
  # What is measured and looked at is the program; its tests only have to be built in time, unless
  # they compute much.
  if(ARG_PROCESSORS EQUAL 1)
    target_compile_options(${name} PRIVATE -O0)
  elseif(CMAKE_CXX_FLAGS MATCHES "-O0")
    target_compile_options(${name} PRIVATE -O1)
  endif()
  if("threads" IN_LIST ARG_LABEL)
    add_dependencies(threads_tests ${name})
  endif()
  string(REPLACE ";" "+" ARG_LABEL "${ARG_LABEL}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
      PROCESSORS ${ARG_PROCESSORS} COST ${ARG_PROCESSORS})
endfunction()
