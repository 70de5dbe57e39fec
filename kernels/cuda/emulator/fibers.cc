#include "kernels/cuda/emulator/fibers.h"

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "proto/base/check.h"

namespace penstock::cuda::emulator {
namespace {

constexpr size_t kStackBytes = 128 << 10;
constexpr unsigned kWarpSize = 32;

enum class State { kReady, kAtWarpBarrier, kAtBlockBarrier, kEnded };

struct Fiber {
  State state = State::kReady;
  Index index;
  ucontext_t context;
  std::unique_ptr<std::byte[]> stack;
  // What a lane passes in Exchange; used in turns, so that one barrier between
  // writing and reading is enough.
  std::array<uint64_t, 2> passed = {};
  unsigned exchanges = 0;
};

// The block that runs.
struct Block {
  std::vector<Fiber> fibers;
  size_t running = 0;
  ucontext_t scheduler;
  const std::function<void()>* thread = nullptr;
  bool ored = false;  // Values of OrOfBlock so far.
};

Block block;

void Enter() {
  (*block.thread)();
  block.fibers[block.running].state = State::kEnded;
}

void Yield(State state) {
  Fiber& fiber = block.fibers[block.running];
  fiber.state = state;
  swapcontext(&fiber.context, &block.scheduler);
}

void MakeContext(Fiber& fiber) {
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStackBytes;
  fiber.context.uc_link = &block.scheduler;
  makecontext(&fiber.context, Enter, 0);
}

void Prepare(const Index& size) {
  const size_t threads = size_t{size.x} * size.y * size.z;
  block.fibers.resize(threads);
  for (size_t i = 0; i < threads; ++i) {
    Fiber& fiber = block.fibers[i];
    fiber.state = State::kReady;
    fiber.index = {static_cast<unsigned>(i % size.x),
                   static_cast<unsigned>(i / size.x % size.y),
                   static_cast<unsigned>(i / size.x / size.y)};
    if (fiber.stack == nullptr) {
      fiber.stack = std::make_unique<std::byte[]>(kStackBytes);
    }
    MakeContext(fiber);
  }
}

// Lets the fibers [begin, end) go on if all that have not ended wait at
// `barrier`. Returns true if there are any.
bool Release(size_t begin, size_t end, State barrier) {
  bool any = false;
  for (size_t i = begin; i < end; ++i) {
    const State state = block.fibers[i].state;
    if (state == State::kEnded) continue;
    if (state != barrier) return false;
    any = true;
  }
  for (size_t i = begin; any && i < end; ++i) {
    State& state = block.fibers[i].state;
    if (state == barrier) state = State::kReady;
  }
  return any;
}

// Runs those of the fibers [begin, end) that can, first to last or, backwards,
// last to first. Returns false if none could.
bool RunReadyFibers(size_t begin, size_t end, bool backwards) {
  bool any = false;
  for (size_t k = begin; k < end; ++k) {
    const size_t i = backwards ? begin + end - 1 - k : k;
    Fiber& fiber = block.fibers[i];
    if (fiber.state != State::kReady) continue;
    any = true;
    block.running = i;
    thread_index = fiber.index;
    swapcontext(&block.scheduler, &fiber.context);
  }
  return any;
}

// Each warp runs as far as it can before the next one starts, and the order of
// warps and lanes turns round at every barrier of the block: whoever relies on
// an order that no barrier gives gets it wrong.
void RunBlock(const Index& size, bool backwards) {
  Prepare(size);
  const size_t threads = block.fibers.size();
  const size_t warps = (threads + kWarpSize - 1) / kWarpSize;
  for (;; backwards = !backwards) {
    for (size_t k = 0; k < warps; ++k) {
      const size_t begin = (backwards ? warps - 1 - k : k) * kWarpSize;
      const size_t end = std::min(begin + kWarpSize, threads);
      while (RunReadyFibers(begin, end, backwards)) {
        Release(begin, end, State::kAtWarpBarrier);
      }
    }
    if (Release(0, threads, State::kAtBlockBarrier)) continue;
    // Else some wait at one barrier and some at another, forever.
    PENSTOCK_CHECK(std::ranges::all_of(block.fibers, [](const Fiber& fiber) {
      return fiber.state == State::kEnded;
    }));
    return;
  }
}

}  // namespace

void RunGrid(const Index& grid, const Index& size,
             const std::function<void()>& thread) {
  block.thread = &thread;
  block_size = size;
  grid_size = grid;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        block_index = {x, y, z};
        RunBlock(size, /*backwards=*/x % 2 == 1);
      }
    }
  }
}

void WaitForBlock() { Yield(State::kAtBlockBarrier); }
void WaitForWarp() { Yield(State::kAtWarpBarrier); }

bool OrOfBlock(bool value) {
  // Nobody reads the last call's result any more after the first barrier.
  WaitForBlock();
  block.ored = false;
  WaitForBlock();
  block.ored = block.ored || value;
  WaitForBlock();
  return block.ored;
}

void Exchange(const void* value, size_t bytes, unsigned lane, void* result) {
  const size_t self = block.running;
  const unsigned turn = block.fibers[self].exchanges++ % 2;
  std::memcpy(&block.fibers[self].passed[turn], value, bytes);
  WaitForWarp();
  const size_t from = self / kWarpSize * kWarpSize + lane;
  PENSTOCK_CHECK(from < block.fibers.size());
  std::memcpy(result, &block.fibers[from].passed[turn], bytes);
}

}  // namespace penstock::cuda::emulator
