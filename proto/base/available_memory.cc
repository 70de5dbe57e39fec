#include "proto/base/available_memory.h"

#include <fstream>
#include <string>

namespace penstock {

int64_t AvailableMemoryBytes() {
  std::ifstream info("/proc/meminfo");
  std::string name;
  int64_t kilobytes = 0;
  while (info >> name >> kilobytes) {
    if (name == "MemAvailable:") return kilobytes * 1024;
    info.ignore(256, '\n');
  }
  return 0;
}

}  // namespace penstock
