#include "tests/unit/admin/allocation_count.h"

#include <cstdlib>
#include <new>

namespace {
thread_local uint64_t allocations = 0;
}  // namespace

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FLASKSCALE_FOREIGN_NEW
#endif
#endif

#ifndef FLASKSCALE_FOREIGN_NEW
void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto step = static_cast<size_t>(alignment);
  if (void* memory = std::aligned_alloc(step, (size + step - 1) / step * step)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace flaskscale {

bool counts_allocations() {
#ifdef FLASKSCALE_FOREIGN_NEW
  return false;
#else
  return true;
#endif
}

uint64_t allocations_of_this_thread() { return allocations; }

}  // namespace flaskscale
