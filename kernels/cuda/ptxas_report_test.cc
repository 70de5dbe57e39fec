// No kernel of ours spills registers or has local memory, on any architecture:
// read from what ptxas reported when they were compiled. The arguments are its
// reports.

#include <cstdio>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace penstock::cuda {
namespace {

std::vector<std::string>& Reports() {
  static std::vector<std::string> reports;
  return reports;
}

struct Kernel {
  int stack_bytes = -1;
  int spill_bytes = -1;
  int registers = -1;
};

// Of one report, by (mangled name, architecture).
using Kernels = std::map<std::pair<std::string, std::string>, Kernel>;

Kernels Parse(std::istream& report) {
  const std::regex name("Compiling entry function '(\\w+)' for '(\\w+)'");
  const std::regex frame(
      "(\\d+) bytes stack frame, (\\d+) bytes spill stores, "
      "(\\d+) bytes spill loads");
  const std::regex used("Used (\\d+) registers");
  Kernels kernels;
  Kernel* kernel = nullptr;
  std::string line;
  std::smatch match;
  while (std::getline(report, line)) {
    if (std::regex_search(line, match, name)) {
      kernel = &kernels[{match[1], match[2]}];
    } else if (kernel != nullptr && std::regex_search(line, match, frame)) {
      kernel->stack_bytes = std::stoi(match[1]);
      kernel->spill_bytes = std::stoi(match[2]) + std::stoi(match[3]);
    } else if (kernel != nullptr && std::regex_search(line, match, used)) {
      kernel->registers = std::stoi(match[1]);
    }
  }
  return kernels;
}

TEST(PtxasReportTest, NoKernelSpillsOrHasLocalMemory) {
  ASSERT_FALSE(Reports().empty());
  for (const std::string& path : Reports()) {
    SCOPED_TRACE(path);
    std::ifstream report(path);
    const Kernels kernels = Parse(report);
    EXPECT_FALSE(kernels.empty());
    std::map<std::string, std::set<std::string>> architectures;
    int most = 0;
    for (const auto& [id, kernel] : kernels) {
      const auto& [name, architecture] = id;
      SCOPED_TRACE(name + " for " + architecture);
      EXPECT_EQ(kernel.stack_bytes, 0);
      EXPECT_EQ(kernel.spill_bytes, 0);
      EXPECT_GT(kernel.registers, 0);
      most = std::max(most, kernel.registers);
      architectures[architecture].insert(name);
    }
    // The same kernels for each.
    EXPECT_EQ(architectures.size(), 3u);
    for (const char* const architecture : {"sm_80", "sm_90a", "sm_100"}) {
      EXPECT_EQ(architectures[architecture].size() * 3, kernels.size())
          << architecture;
    }
    std::fprintf(stderr, "%s: %zu kernels, at most %d registers\n",
                 path.c_str(), kernels.size() / 3, most);
  }
}

TEST(PtxasReportTest, ReadsWhatPtxasWrites) {
  std::istringstream report(
      "ptxas info    : Compiling entry function '_Z1KPf' for 'sm_80'\n"
      "ptxas info    : Function properties for _Z1KPf\n"
      "    40 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads\n"
      "ptxas info    : Used 255 registers, used 0 barriers\n");
  const Kernels kernels = Parse(report);
  ASSERT_EQ(kernels.size(), 1u);
  const Kernel& kernel = kernels.at({"_Z1KPf", "sm_80"});
  EXPECT_EQ(kernel.stack_bytes, 40);
  EXPECT_EQ(kernel.spill_bytes, 20);
  EXPECT_EQ(kernel.registers, 255);
}

}  // namespace
}  // namespace penstock::cuda

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  penstock::cuda::Reports().assign(argv + 1, argv + argc);
  return RUN_ALL_TESTS();
}
