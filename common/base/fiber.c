/*
 * The switch itself is assembly on x86-64 and AArch64: swapcontext() would cost two system calls per switch for a
 * signal mask that never differs. Elsewhere it is swapcontext().
 */
#include "common/base/fiber.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/loop.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifdef FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#define FIBER_STACK (1024 * 1024)
#else
#define FIBER_ASAN 0
#define FIBER_STACK (256 * 1024)
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#if defined(__x86_64__) || defined(__aarch64__)
#define FIBER_ASM 1
#else
#define FIBER_ASM 0
#include <ucontext.h>
#endif

#define FIBER_POOL_MAX 16 /* idle stacks kept; each costs the pages it once touched */

struct Fiber {
    Fiber *prev, *next; /* all fibers, for the debugger */
    const char *name;
    const char *waiting; /* what for; NULL while running or queued */
    FiberFn fn;
    void *data;
    char *stack;         /* lowest address, the guard page */
    size_t stack_size;
    void *sp;            /* saved stack pointer while not running */
    Deferred ready;
    bool finished;
    unsigned valgrind_id;
    void *asan_fake_stack;
#if !FIBER_ASM
    ucontext_t context;
#endif
};

/* One ring of all fibers and the pool; not static so that the debugger helper finds it by name. */
struct FiberRing {
    Fiber head;
    size_t count;
    Fiber *current;
    void *main_sp;
    const void *main_stack; /* as the sanitizer told us */
    size_t main_stack_size;
    void *main_fake_stack;
    char *pool[FIBER_POOL_MAX];
    size_t n_pool;
#if !FIBER_ASM
    ucontext_t main_context;
#endif
};
struct FiberRing fiber_ring __attribute__((visibility("default")));

#if defined(__x86_64__)
__asm__(".text\n"
        ".type fiber_switch_stack,@function\n"
        "fiber_switch_stack:\n" /* (void **save, void *load) */
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  subq $8, %rsp\n  stmxcsr (%rsp)\n  fnstcw 4(%rsp)\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  ldmxcsr (%rsp)\n  fldcw 4(%rsp)\n  addq $8, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size fiber_switch_stack,.-fiber_switch_stack\n");
#define FIBER_FRAME_WORDS 8 /* fp control, six registers, return address */
#define FIBER_FRAME_RETURN 7
#elif defined(__aarch64__)
__asm__(".text\n"
        ".type fiber_switch_stack,%function\n"
        "fiber_switch_stack:\n"
        "  sub sp, sp, #160\n"
        "  stp x29, x30, [sp, #0]\n  stp x19, x20, [sp, #16]\n  stp x21, x22, [sp, #32]\n"
        "  stp x23, x24, [sp, #48]\n  stp x25, x26, [sp, #64]\n  stp x27, x28, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n  str x9, [x0]\n  mov sp, x1\n"
        "  ldp x29, x30, [sp, #0]\n  ldp x19, x20, [sp, #16]\n  ldp x21, x22, [sp, #32]\n"
        "  ldp x23, x24, [sp, #48]\n  ldp x25, x26, [sp, #64]\n  ldp x27, x28, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n  ret\n");
#define FIBER_FRAME_WORDS 20
#define FIBER_FRAME_RETURN 1
#endif

#if FIBER_ASM
void fiber_switch_stack(void **save, void *load);
#endif

static size_t
fiber_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static char *
fiber_stack_get(size_t size)
{
    char *stack;

    if (fiber_ring.n_pool > 0)
        return fiber_ring.pool[--fiber_ring.n_pool];
    stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, fiber_page_size(), PROT_NONE) < 0)
        g_error("cannot map a fiber stack of %zu bytes: %s", size, g_strerror(errno));
    return stack;
}

static void
fiber_stack_put(char *stack, size_t size)
{
    if (fiber_ring.n_pool < FIBER_POOL_MAX)
        fiber_ring.pool[fiber_ring.n_pool++] = stack;
    else
        munmap(stack, size);
}

void
fiber_pool_trim(void)
{
    while (fiber_ring.n_pool > 0)
        munmap(fiber_ring.pool[--fiber_ring.n_pool], FIBER_STACK + fiber_page_size());
}

static void fiber_leave(Fiber *fiber);

static void
fiber_main(void)
{
    Fiber *fiber = fiber_ring.current;

#if FIBER_ASAN
    __sanitizer_finish_switch_fiber(NULL, &fiber_ring.main_stack, &fiber_ring.main_stack_size);
#endif
    fiber->fn(fiber->data);
    fiber->finished = true;
    fiber_leave(fiber);
    g_assert_not_reached();
}

/* From the fiber back to the main stack. */
static void
fiber_leave(Fiber *fiber)
{
    fiber_ring.current = NULL;
#if FIBER_ASAN
    /* A finished fiber's fake stack is destroyed by passing NULL. */
    __sanitizer_start_switch_fiber(fiber->finished ? NULL : &fiber->asan_fake_stack, fiber_ring.main_stack,
                                   fiber_ring.main_stack_size);
#endif
#if FIBER_ASM
    fiber_switch_stack(&fiber->sp, fiber_ring.main_sp);
#else
    swapcontext(&fiber->context, &fiber_ring.main_context);
#endif
#if FIBER_ASAN
    __sanitizer_finish_switch_fiber(fiber->asan_fake_stack, &fiber_ring.main_stack, &fiber_ring.main_stack_size);
#endif
}

static void
fiber_free(Fiber *fiber)
{
    fiber->prev->next = fiber->next;
    fiber->next->prev = fiber->prev;
    fiber_ring.count--;
    VALGRIND_STACK_DEREGISTER(fiber->valgrind_id);
    fiber_stack_put(fiber->stack, fiber->stack_size);
    g_free(fiber);
}

/* From the main stack into the fiber, until it waits or ends. */
static void
fiber_enter(void *data)
{
    Fiber *fiber = data;

    g_assert(!fiber_ring.current);
    fiber_ring.current = fiber;
    fiber->waiting = NULL;
#if FIBER_ASAN
    __sanitizer_start_switch_fiber(&fiber_ring.main_fake_stack, fiber->stack + fiber_page_size(),
                                   fiber->stack_size - fiber_page_size());
#endif
#if FIBER_ASM
    fiber_switch_stack(&fiber_ring.main_sp, fiber->sp);
#else
    swapcontext(&fiber_ring.main_context, &fiber->context);
#endif
#if FIBER_ASAN
    __sanitizer_finish_switch_fiber(fiber_ring.main_fake_stack, NULL, NULL);
#endif
    if (fiber->finished)
        fiber_free(fiber);
}

Fiber *
fiber_spawn(const char *name, FiberFn fn, void *data)
{
    Fiber *fiber = g_new0(Fiber, 1);
    char *top;

    if (!fiber_ring.head.next)
        fiber_ring.head.next = fiber_ring.head.prev = &fiber_ring.head;
    fiber->name = name;
    fiber->fn = fn;
    fiber->data = data;
    fiber->stack_size = FIBER_STACK + fiber_page_size();
    fiber->stack = fiber_stack_get(fiber->stack_size);
    top = fiber->stack + fiber->stack_size;
    fiber->valgrind_id = VALGRIND_STACK_REGISTER(fiber->stack, top);
#if FIBER_ASM
    {
        /* As if fiber_main() had been called and had switched away. */
        void **frame = (void **)(top - 64 - sizeof(void *) * FIBER_FRAME_WORDS);

#if defined(__x86_64__)
        static const uint32_t fp_control[2] = { 0x1f80, 0x037f };

        /* A function's first instruction sees the stack 8 past a multiple of 16, as after a call. */
        frame = (void **)((((uintptr_t)frame) & ~(uintptr_t)15) + 8);
        memset(frame, 0, sizeof(void *) * FIBER_FRAME_WORDS);
        memcpy(frame, fp_control, sizeof(fp_control));
#else
        frame = (void **)((((uintptr_t)frame) & ~(uintptr_t)15));
        memset(frame, 0, sizeof(void *) * FIBER_FRAME_WORDS);
#endif
        frame[FIBER_FRAME_RETURN] = (void *)fiber_main;
        fiber->sp = frame;
    }
#else
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack + fiber_page_size();
    fiber->context.uc_stack.ss_size = fiber->stack_size - fiber_page_size();
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, fiber_main, 0);
#endif
    fiber->next = &fiber_ring.head;
    fiber->prev = fiber_ring.head.prev;
    fiber->prev->next = fiber;
    fiber_ring.head.prev = fiber;
    fiber_ring.count++;
    loop_defer(&fiber->ready, fiber_enter, fiber);
    return fiber;
}

Fiber *
fiber_current(void)
{
    return fiber_ring.current;
}

void
fiber_suspend(void)
{
    g_assert(fiber_ring.current);
    fiber_leave(fiber_ring.current);
}

void
fiber_resume(Fiber *fiber)
{
    g_assert(fiber != fiber_ring.current);
    loop_defer(&fiber->ready, fiber_enter, fiber);
}

void
fiber_set_waiting(const char *what)
{
    if (fiber_ring.current)
        fiber_ring.current->waiting = what;
}

size_t
fiber_count(void)
{
    return fiber_ring.count;
}

void
fiber_yield(void)
{
    Fiber *fiber = fiber_ring.current;

    g_assert(fiber);
    loop_defer(&fiber->ready, fiber_enter, fiber);
    fiber_leave(fiber);
}
