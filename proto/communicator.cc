#include "proto/communicator.h"

#include "fmt/format.h"

namespace penstock {

// 1000 * major + 100 * minor + patch before 2.9, 10000 * major after.
std::string NcclVersionText(int version) {
  const int unit = version < 10000 ? 1000 : 10000;
  return fmt::format("{}.{}.{}", version / unit, version % unit / 100,
                     version % 100);
}

}  // namespace penstock
