# One target per layer. A layer links what its row of docs/architecture.md allows and nothing else,
# so that a forbidden call does not link; tests/lint checks the includes.

add_library(flaskscale_options INTERFACE)
target_compile_options(flaskscale_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
target_include_directories(flaskscale_options INTERFACE ${PROJECT_SOURCE_DIR})

# flaskscale_layer(NAME SOURCES … HEADERS … DEPS …): static library flaskscale_NAME of the calling folder.
function(flaskscale_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(flaskscale_${name} STATIC ${ARG_SOURCES})
  add_library(flaskscale::${name} ALIAS flaskscale_${name})
  target_sources(flaskscale_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  target_link_libraries(flaskscale_${name} PUBLIC flaskscale_options ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# What the thread sanitizer's tests need, so that its build makes nothing else.
add_custom_target(threads_tests)

# flaskscale_test(NAME LABEL unit|integration|… SOURCES … DEPS …): one GoogleTest program, its cases found by ctest.
# Several labels ("unit;threads") become one, unit+threads: gtest_discover_tests takes no list, and
# `ctest -L threads` is a search.
function(flaskscale_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABEL;SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE -Wno-sign-conversion -Wno-conversion)
  if("threads" IN_LIST ARG_LABEL)
    add_dependencies(threads_tests ${name})
  endif()
  string(REPLACE ";" "+" ARG_LABEL "${ARG_LABEL}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
