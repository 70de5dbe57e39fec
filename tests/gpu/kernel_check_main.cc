// Holds every kernel to float64 on the device that is here, with random inputs
// and poisoned outputs, times it and prints one table:
//
//   kernel_check [--small]
//
// Fails if a line is beyond its limit. --small is for slow tools, such as
// compute-sanitizer and the emulator.

#include <cstdio>
#include <cstring>

#include "tests/gpu/check.h"
#include "tests/gpu/kernel_check.h"

namespace penstock::gpu {
namespace {

constexpr Sizes kLarge{.rows = 8192,
                       .cols = 1600,
                       .vocabulary = 50304,
                       .sequence = 1024,
                       .attention = {2, 512, 8, 64, 128, 4}};
constexpr Sizes kSmall{.rows = 300,
                       .cols = 48,
                       .vocabulary = 333,
                       .sequence = 9,
                       .attention = {2, 35, 4, 24, 3, 2}};

}  // namespace
}  // namespace penstock::gpu

int main(int argc, char** argv) {
  namespace gpu = penstock::gpu;
  using penstock::DataType;
  const bool small = argc > 1 && std::strcmp(argv[1], "--small") == 0;
  gpu::Table table(/*timed=*/!small);
  if (!small) gpu::NoteCopy(table);
  for (const DataType type : {DataType::kFloat32, DataType::kBFloat16}) {
    gpu::KernelCheck(small ? gpu::kSmall : gpu::kLarge, type, table).Run();
  }
  const auto seed = static_cast<unsigned long long>(gpu::Seed());
  std::printf("PENSTOCK_SEED=%llu\n%s", seed, table.Text().c_str());
  return table.Passed() ? 0 : 1;
}
