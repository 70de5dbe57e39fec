// Takes all memory of CUDA device 0 but `--leave` MiB, says so, and keeps it
// until its standard input ends: the day on which another process has it.

#include <cstdio>

#include "CLI/CLI.hpp"
#include "kernels/backend.h"

int main(int argc, char** argv) {
  CLI::App app("Takes a device's memory.");
  int64_t leave = 16;
  app.add_option("--leave", leave, "MiB that stay free, about");
  CLI11_PARSE(app, argc, argv);
  const auto backend = penstock::MakeCudaBackend(0);
  if (!backend.ok()) {
    std::printf("%s\n", backend.status().ToString().c_str());
    return 1;
  }
  int64_t taken = 0;
  for (int64_t bytes = int64_t{1} << 36; bytes >= leave << 20;) {
    if ((*backend)->Allocate(bytes).ok()) {
      taken += bytes;
    } else {
      bytes /= 2;
    }
  }
  std::printf("took %ld MiB\n", static_cast<long>(taken >> 20));
  std::fflush(stdout);
  while (std::getchar() != EOF) continue;
  return 0;
}
