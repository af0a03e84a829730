// FS_CHECK: a broken invariant ends the program, in release builds too.
#pragma once

#include <cstdio>
#include <cstdlib>

#define FS_CHECK(condition)                                                                  \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
