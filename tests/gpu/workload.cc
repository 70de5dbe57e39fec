#include "tests/gpu/workload.h"

#include <algorithm>
#include <variant>

namespace penstock::gpu {
namespace {

using nlohmann::json;

json FieldsOf(const Gpt2Config& model) {
  return {{"layers", model.layers},
          {"hidden", model.hidden},
          {"heads", model.heads},
          {"sequence_length", model.sequence_length},
          {"vocabulary", model.vocabulary}};
}

json FieldsOf(const LlamaConfig& model) {
  return {{"layers", model.layers},
          {"hidden", model.hidden},
          {"heads", model.heads},
          {"kv_heads", model.kv_heads},
          {"head_dim", model.head_dim},
          {"intermediate", model.intermediate},
          {"sequence_length", model.sequence_length},
          {"vocabulary", model.vocabulary},
          {"rope_theta", model.rope_theta}};
}

std::vector<Workload> All(bool small) {
  Gpt2Config gpt2{.layers = 12,
                  .hidden = 768,
                  .heads = 12,
                  .sequence_length = 1024,
                  .vocabulary = 50304};
  Gpt2Config xl = gpt2;
  xl.layers = 48;
  xl.hidden = 1600;
  xl.heads = 25;
  LlamaConfig llama{.layers = 8,
                    .hidden = 4096,
                    .heads = 32,
                    .kv_heads = 8,
                    .head_dim = 128,
                    .intermediate = 14336,
                    .sequence_length = 4096,
                    .vocabulary = 256,
                    .rope_theta = 500000};
  if (!small) {
    return {{.name = "gpt2-124m",
             .model = gpt2,
             .batch = {.micro_batch_size = 32, .micro_batches = 4},
             .h200_tokens_per_second = 530e3},
            {.name = "gpt2-xl",
             .model = xl,
             .batch = {.micro_batch_size = 16, .micro_batches = 2},
             .h200_tokens_per_second = 51e3},
            {.name = "llama-8b-blocks",
             .model = llama,
             .batch = {.micro_batch_size = 2, .micro_batches = 2},
             .h200_tokens_per_second = 48e3}};
  }
  for (Gpt2Config* model : {&gpt2, &xl}) {
    model->layers /= 6;
    model->hidden = 64;
    model->heads = 4;
    model->sequence_length = 32;
    model->vocabulary = 512;
  }
  llama.layers = 2;
  llama.hidden = 64;
  llama.heads = 4;
  llama.kv_heads = 2;
  llama.head_dim = 16;
  llama.intermediate = 224;
  llama.sequence_length = 64;
  const BatchSpec batch{.micro_batch_size = 2, .micro_batches = 2};
  return {{"gpt2-124m", gpt2, batch},
          {"gpt2-xl", xl, batch},
          {"llama-8b-blocks", llama, batch}};
}

}  // namespace

std::vector<Workload> Workloads(bool small,
                                const std::vector<std::string>& only) {
  std::vector<Workload> workloads = All(small);
  std::erase_if(workloads, [&](const Workload& workload) {
    return !only.empty() && std::ranges::count(only, workload.name) == 0;
  });
  return workloads;
}

json ToJson(const Workload& workload) {
  const json fields = std::visit(
      [](const auto& model) { return FieldsOf(model); }, workload.model);
  return {{"name", workload.name},
          {"model", {{NameOf(workload.model), fields}}},
          {"micro_batch_size", workload.batch.micro_batch_size},
          {"micro_batches", workload.batch.micro_batches},
          {"h200_tokens_per_second", workload.h200_tokens_per_second}};
}

}  // namespace penstock::gpu
