# Every third-party library comes from the system's packages; `./dev` installs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(prometheus-cpp REQUIRED)  # Debian 12 ships no version file for it
find_package(CLI11 REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2>=1.52)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)

# llhttp: a system library of version 9 or later where there is one; else Debian 12's C sources, compiled strict.
pkg_check_modules(LLHTTP IMPORTED_TARGET libllhttp>=9)
add_library(flaskscale_llhttp INTERFACE)
if(LLHTTP_FOUND)
  target_link_libraries(flaskscale_llhttp INTERFACE PkgConfig::LLHTTP)
else()
  find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH REQUIRED)
  find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH REQUIRED)
  add_library(flaskscale_llhttp_strict STATIC
    ${LLHTTP_SOURCE_DIR}/llhttp.c ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c)
  target_include_directories(flaskscale_llhttp_strict SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
  # The header's default is the lenient machine, so every file that includes it must see this definition.
  target_compile_definitions(flaskscale_llhttp_strict PUBLIC LLHTTP_STRICT_MODE=1)
  target_compile_options(flaskscale_llhttp_strict PRIVATE -w -O3)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(flaskscale_llhttp_strict PRIVATE -msse4.2)
  endif()
  target_link_libraries(flaskscale_llhttp INTERFACE flaskscale_llhttp_strict)
endif()
