// Preloaded into a program under test: counts its heap calls in a file that a test reads meanwhile.
//
// LD_PRELOAD=libflaskscale_malloc_counter.so FLASKSCALE_MALLOC_COUNTS=FILE program …
// FILE then holds, in the machine's byte order, three uint64: allocations (malloc, calloc,
// aligned), reallocations, frees. Any thread; the counters only grow. Children get neither the
// counter's file nor the library, so the figures are those of one process.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// glibc's own functions under the names that interposition leaves alone.
extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* block, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void* block);

struct counts {
  _Atomic uint64_t allocations;
  _Atomic uint64_t reallocations;
  _Atomic uint64_t frees;
};

static struct counts before_start;
static struct counts* _Atomic shared = &before_start;

static void count(_Atomic uint64_t* counter) {
  atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

__attribute__((constructor)) static void open_counts(void) {
  const char* path = getenv("FLASKSCALE_MALLOC_COUNTS");
  if (path == NULL) return;
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  unsetenv("FLASKSCALE_MALLOC_COUNTS");
  unsetenv("LD_PRELOAD");
  if (file < 0) return;
  if (ftruncate(file, (off_t)sizeof(struct counts)) == 0) {
    void* page = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) atomic_store(&shared, (struct counts*)page);
  }
  close(file);
}

void* malloc(size_t size) {
  count(&atomic_load_explicit(&shared, memory_order_relaxed)->allocations);
  return __libc_malloc(size);
}

void* calloc(size_t n, size_t size) {
  count(&atomic_load_explicit(&shared, memory_order_relaxed)->allocations);
  return __libc_calloc(n, size);
}

void* realloc(void* block, size_t size) {
  count(&atomic_load_explicit(&shared, memory_order_relaxed)->reallocations);
  return __libc_realloc(block, size);
}

void* memalign(size_t alignment, size_t size) {
  count(&atomic_load_explicit(&shared, memory_order_relaxed)->allocations);
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** block, size_t alignment, size_t size) {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  void* const made = memalign(alignment, size);
  if (made == NULL) return ENOMEM;
  *block = made;
  return 0;
}

void free(void* block) {
  if (block == NULL) return;
  count(&atomic_load_explicit(&shared, memory_order_relaxed)->frees);
  __libc_free(block);
}
