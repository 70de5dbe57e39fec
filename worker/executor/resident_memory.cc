#include "worker/executor/resident_memory.h"

#include <fstream>
#include <string>

namespace penstock {

ResidentMemory ReadResidentMemory() {
  ResidentMemory memory;
  std::ifstream status("/proc/self/status");
  std::string name;
  while (status >> name) {
    int64_t kilobytes = 0;
    if (name == "VmHWM:" && status >> kilobytes) {
      memory.peak_bytes = kilobytes * 1024;
    } else if (name == "VmRSS:" && status >> kilobytes) {
      memory.bytes = kilobytes * 1024;
    }
    status.ignore(4096, '\n');
  }
  return memory;
}

}  // namespace penstock
