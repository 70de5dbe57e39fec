#include "worker/offered_devices.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "worker/device_shape.h"

namespace penstock {
namespace {

// The words between commas.
std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words = {""};
  for (const char c : text) {
    if (c == ',') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

const CudaDevice* Find(int index, const std::vector<CudaDevice>& devices) {
  const auto found = std::find_if(
      devices.begin(), devices.end(),
      [index](const CudaDevice& device) { return device.index == index; });
  return found == devices.end() ? nullptr : &*found;
}

OfferedDevice Offer(const CudaDevice& device, int sharers, int ordinal,
                    const DeviceChoices& choices) {
  return {.shape = {.kind = "cuda",
                    .memory_bytes = choices.memory_bytes > 0
                                        ? choices.memory_bytes
                                        : device.memory_bytes / sharers,
                    .flops_per_second = device.flops_per_second,
                    .bf16_flops_per_second = device.bfloat16_flops_per_second},
          .environment = CudaEnvironment(
              device.index, std::getenv("CUDA_VISIBLE_DEVICES"), sharers > 1,
              fmt::format("{}-{}", choices.name, ordinal))};
}

absl::StatusOr<std::vector<OfferedDevice>> OfferCuda(
    const DeviceChoices& choices) {
  std::vector<OfferedDevice> offered;
  if (choices.cuda == "none") return offered;
  const auto devices = ListCudaDevices();
  if (!devices.ok()) {
    if (choices.cuda == "auto") return offered;
    return Annotate(devices.status(), fmt::format("--cuda={}", choices.cuda));
  }
  std::vector<int> indices;
  if (choices.cuda == "auto") {
    for (const CudaDevice& device : *devices) indices.push_back(device.index);
  } else {
    ASSIGN_OR_RETURN(indices, CudaIndices(choices.cuda, *devices));
  }
  for (const int index : indices) {
    const auto here = std::count(indices.begin(), indices.end(), index);
    offered.push_back(
        Offer(*Find(index, *devices),
              std::max(static_cast<int>(here), choices.cuda_sharers),
              static_cast<int>(offered.size()), choices));
  }
  return offered;
}

}  // namespace

absl::StatusOr<std::vector<int>> CudaIndices(
    std::string_view text, const std::vector<CudaDevice>& devices) {
  std::vector<std::string> known;
  for (const CudaDevice& device : devices) {
    known.push_back(fmt::format("{}", device.index));
  }
  std::vector<int> indices;
  for (const std::string& word : Words(text)) {
    int index = -1;
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, index);
    if (error != std::errc() || stop != end ||
        Find(index, devices) == nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("--cuda={}: \"{}\": must be auto, none, or a list of {}",
                      text, word, fmt::join(known, ", ")));
    }
    indices.push_back(index);
  }
  return indices;
}

std::vector<std::string> CudaEnvironment(int index, const char* visible,
                                         bool shared, std::string_view name) {
  std::string device = fmt::format("{}", index);
  if (visible != nullptr) {
    const std::vector<std::string> outer = Words(visible);
    if (index < std::ssize(outer)) device = outer[index];
  }
  std::vector<std::string> environment = {"CUDA_VISIBLE_DEVICES=" + device};
  if (!shared) return environment;
  environment.push_back(fmt::format("NCCL_HOSTID={}", name));
  // Ways that are for one process per device, or for more than one machine.
  for (const char* const setting :
       {"NCCL_NET=Socket", "NCCL_IB_DISABLE=1", "NCCL_MNNVL_ENABLE=0",
        "NCCL_NVLS_ENABLE=0", "NCCL_CUMEM_ENABLE=0", "NCCL_RAS_ENABLE=0",
        "NCCL_PROTO=Simple"}) {
    environment.emplace_back(setting);
  }
  return environment;
}

absl::StatusOr<std::vector<OfferedDevice>> OfferDevices(
    const DeviceChoices& choices) {
  ASSIGN_OR_RETURN(std::vector<OfferedDevice> offered, OfferCuda(choices));
  const int cpus = choices.cpus.value_or(offered.empty() ? 1 : 0);
  if (cpus == 0) return offered;
  for (DeviceShape& shape : MeasureCpuDevices(cpus, choices.memory_bytes)) {
    offered.push_back({.shape = std::move(shape)});
  }
  return offered;
}

}  // namespace penstock
