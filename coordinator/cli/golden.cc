#include "coordinator/cli/golden.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace penstock {

void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = "tests/golden/cli/" + name + ".txt";
  if (const char* root = std::getenv("PENSTOCK_REWRITE"); root != nullptr) {
    std::ofstream(std::string(root) + "/" + path) << text;
    return;
  }
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {}))
      << "in " << path;
}

}  // namespace penstock
