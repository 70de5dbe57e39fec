#include "tests/gpu/check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <utility>

namespace penstock::gpu {
namespace {

std::mt19937_64& Engine() {
  static std::mt19937_64 engine(Seed());
  return engine;
}

double Norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

}  // namespace

uint64_t Seed() {
  static const uint64_t kSeed = [] {
    const char* const given = std::getenv("PENSTOCK_SEED");
    if (given != nullptr) return std::strtoull(given, nullptr, 10);
    return static_cast<unsigned long long>(std::random_device()());
  }();
  return kSeed;
}

void Check(cudaError_t error, const char* operation) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: CUDA error %d\n", operation,
               static_cast<int>(error));
  std::abort();
}

Array::Array(DataType type, int64_t rows, int64_t cols)
    : type_(type), rows_(rows), cols_(cols) {
  const size_t size = static_cast<size_t>(std::max<int64_t>(bytes(), 1));
  Check(cudaMalloc(&data_, size), "cudaMalloc");
  Check(cudaMemset(data_, 0xff, size), "cudaMemset");
}

Array::Array(Array&& other) noexcept
    : type_(other.type_),
      rows_(other.rows_),
      cols_(other.cols_),
      data_(std::exchange(other.data_, nullptr)),
      values_(std::move(other.values_)) {}

Array::~Array() {
  if (data_ != nullptr) cudaFree(data_);
}

void Array::Write(const std::vector<double>& values) {
  values_.clear();
  std::vector<std::byte> bytes(static_cast<size_t>(this->bytes()));
  for (size_t i = 0; i < values.size(); ++i) {
    const float value = static_cast<float>(values[i]);
    if (type_ == DataType::kFloat32) {
      std::memcpy(&bytes[i * sizeof(float)], &value, sizeof(value));
      values_.push_back(double{value});
    } else {
      const __nv_bfloat16 narrow = __float2bfloat16_rn(value);
      std::memcpy(&bytes[i * sizeof(narrow)], &narrow, sizeof(narrow));
      values_.push_back(double{__bfloat162float(narrow)});
    }
  }
  Check(cudaMemcpy(data_, bytes.data(), bytes.size(), cudaMemcpyDefault),
        "cudaMemcpy");
}

Array Array::Random(DataType type, int64_t rows, int64_t cols) {
  Array array(type, rows, cols);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<double> values(static_cast<size_t>(rows * cols));
  for (double& value : values) value = uniform(Engine());
  array.Write(values);
  return array;
}

Array Array::Poison(DataType type, int64_t rows, int64_t cols) {
  return Array(type, rows, cols);
}

Array Array::Indices(int64_t count, int64_t limit) {
  Array array(DataType::kFloat32, 1, count);
  std::uniform_int_distribution<int32_t> uniform(
      0, static_cast<int32_t>(limit - 1));
  std::vector<int32_t> indices(static_cast<size_t>(count));
  for (int32_t& index : indices) {
    index = uniform(Engine());
    array.values_.push_back(index);
  }
  Check(
      cudaMemcpy(array.data_, indices.data(), array.bytes(), cudaMemcpyDefault),
      "cudaMemcpy");
  return array;
}

std::vector<double> Array::Read() const {
  Check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  std::vector<std::byte> bytes(static_cast<size_t>(this->bytes()));
  Check(cudaMemcpy(bytes.data(), data_, bytes.size(), cudaMemcpyDefault),
        "cudaMemcpy");
  std::vector<double> values(static_cast<size_t>(rows_ * cols_));
  for (size_t i = 0; i < values.size(); ++i) {
    if (type_ == DataType::kFloat32) {
      float value;
      std::memcpy(&value, &bytes[i * sizeof(value)], sizeof(value));
      values[i] = double{value};
    } else {
      __nv_bfloat16 value;
      std::memcpy(&value, &bytes[i * sizeof(value)], sizeof(value));
      values[i] = double{__bfloat162float(value)};
    }
  }
  return values;
}

cuda::Workspace MakeWorkspace() {
  cuda::Workspace workspace{.data = nullptr, .bytes = cuda::Workspace::kBytes};
  void* memory = nullptr;
  Check(cudaMalloc(&memory, cuda::Workspace::kBytes), "cudaMalloc");
  workspace.data = static_cast<std::byte*>(memory);
  return workspace;
}

double Seconds(const std::function<cudaError_t()>& launch) {
  constexpr int kRuns = 7;
  constexpr int kLaunches = 10;
  cudaEvent_t begin;
  cudaEvent_t end;
  Check(cudaEventCreate(&begin), "cudaEventCreate");
  Check(cudaEventCreate(&end), "cudaEventCreate");
  std::vector<double> seconds;
  Check(launch(), "launch");
  for (int run = 0; run < kRuns; ++run) {
    Check(cudaEventRecord(begin, nullptr), "cudaEventRecord");
    for (int i = 0; i < kLaunches; ++i) Check(launch(), "launch");
    Check(cudaEventRecord(end, nullptr), "cudaEventRecord");
    Check(cudaEventSynchronize(end), "cudaEventSynchronize");
    float milliseconds = 0;
    Check(cudaEventElapsedTime(&milliseconds, begin, end),
          "cudaEventElapsedTime");
    seconds.push_back(double{milliseconds} / 1e3 / kLaunches);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::sort(seconds.begin(), seconds.end());
  return seconds[kRuns / 2];
}

void Table::Compare(const std::string& name, DataType type,
                    const std::vector<double>& actual,
                    const std::vector<double>& expected, double slack) {
  // float32 sums of thousands of terms, or bfloat16's half unit in the last of
  // 8 bits, rounded at random, and as much for what is rounded before.
  const bool is_wide = type == DataType::kFloat32;
  Line line{.name = name + (is_wide ? " float32" : " bfloat16"),
            .limit = slack * (is_wide ? 1e-5 : 4e-3)};
  std::vector<double> difference = expected;
  for (size_t i = 0; i < expected.size(); ++i) difference[i] -= actual[i];
  const double size = Norm(expected);
  line.difference = Norm(difference) / (size > 0 ? size : 1);
  if (actual.size() != expected.size()) line.difference = NAN;
  lines_.push_back(line);
}

void Table::Time(const std::function<cudaError_t()>& launch, int64_t bytes) {
  if (!timed_) return;
  const double seconds = Seconds(launch);
  lines_.back().microseconds = seconds * 1e6;
  lines_.back().rate = static_cast<double>(bytes) / seconds / 1e9;
}

void Table::Note(const std::string& name, double microseconds, double value) {
  lines_.push_back({.name = name, .microseconds = microseconds, .rate = value});
}

namespace {

bool IsWithin(const Line& line) {
  return line.difference <= line.limit;  // Not for NaN.
}

}  // namespace

int Table::Failures() const {
  return static_cast<int>(
      std::count_if(lines_.begin(), lines_.end(),
                    [](const Line& line) { return !IsWithin(line); }));
}

std::string Table::Text() const {
  char text[160];
  std::snprintf(text, sizeof(text), "%-48s %12s %9s %10s %9s\n", "what",
                "difference", "limit", "us", "rate");
  std::string all = text;
  for (const Line& line : lines_) {
    std::snprintf(text, sizeof(text), "%-48s %12.3g %9.1g %10.1f %9.0f%s\n",
                  line.name.c_str(), line.difference, line.limit,
                  line.microseconds, line.rate,
                  IsWithin(line) ? "" : "  FAILED");
    all += text;
  }
  std::snprintf(text, sizeof(text), "%d passed, %d failed\n",
                static_cast<int>(lines_.size()) - Failures(), Failures());
  return all + text;
}

void NoteCopy(Table& table) {
  const Array from = Array::Poison(DataType::kFloat32, 1, int64_t{1} << 27);
  const Array to = Array::Poison(DataType::kFloat32, 1, int64_t{1} << 27);
  const double seconds = Seconds([&] {
    return cudaMemcpyAsync(to.floats(), from.floats(), from.bytes(),
                           cudaMemcpyDefault, nullptr);
  });
  table.Note("ceiling: copy", seconds * 1e6,
             2 * static_cast<double>(from.bytes()) / seconds / 1e9);
}

}  // namespace penstock::gpu
