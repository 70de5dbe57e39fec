#ifndef TESTS_GPU_WORKLOAD_H_
#define TESTS_GPU_WORKLOAD_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "proto/architecture.h"
#include "proto/job_spec.h"

namespace penstock::gpu {

// What is timed, here and with PyTorch.
struct Workload {
  std::string name;
  Architecture model;
  BatchSpec batch;
  double h200_tokens_per_second = 0;  // To reach on one H200; 0 for none.
};

// GPT-2 124M, GPT-2 XL, and eight blocks of Llama 3 8B, whose vocabulary of 256
// leaves next to nothing of embedding and head. `small`: the same in shapes
// that a CPU trains in a second. `only`: those of these names; empty for all.
std::vector<Workload> Workloads(bool small,
                                const std::vector<std::string>& only = {});

// All that another implementation needs to train the same; tensor shapes by the
// names of job files.
nlohmann::json ToJson(const Workload& workload);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_WORKLOAD_H_
