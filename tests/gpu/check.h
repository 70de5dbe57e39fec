#ifndef TESTS_GPU_CHECK_H_
#define TESTS_GPU_CHECK_H_

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda/workspace.h"
#include "kernels/tensor.h"

namespace penstock::gpu {

// What the checks of kernels on a device have in common. Nothing here needs
// more than a CUDA compiler, so that the checks build where nothing else is.

// A tensor on the device with its values on the host, which are exactly those
// of its type. Memory ends the process when there is none.
class Array {
 public:
  // Fresh random values in [-1, 1), other ones in every run.
  static Array Random(DataType type, int64_t rows, int64_t cols);
  // Bytes of ones, which are NaNs in every type: what an operation leaves
  // unwritten shows.
  static Array Poison(DataType type, int64_t rows, int64_t cols);
  // Integers in [0, limit).
  static Array Indices(int64_t count, int64_t limit);

  Array(Array&& other) noexcept;
  Array& operator=(Array&&) = delete;
  ~Array();

  Tensor tensor() const { return {data_, rows_, cols_, cols_, type_}; }
  float* floats() const { return static_cast<float*>(data_); }
  const int32_t* integers() const { return static_cast<int32_t*>(data_); }
  int64_t bytes() const { return rows_ * cols_ * SizeOf(type_); }

  // What the host put there.
  const std::vector<double>& values() const { return values_; }
  // What is there now.
  std::vector<double> Read() const;

 private:
  Array(DataType type, int64_t rows, int64_t cols);
  void Write(const std::vector<double>& values);

  DataType type_;
  int64_t rows_;
  int64_t cols_;
  void* data_ = nullptr;
  std::vector<double> values_;
};

// One line of the table.
struct Line {
  std::string name;
  double difference = 0;  // ||actual - expected|| / ||expected||, Frobenius.
  double limit = 0;
  double microseconds = 0;
  double rate = 0;  // GB/s, unless the name says what.
};

// Collects lines and prints them as one table.
class Table {
 public:
  // Without `timed`, Time does nothing.
  explicit Table(bool timed) : timed_(timed) {}

  // Compares one result, which may be off by what its type rounds, `slack`
  // times. NaN never passes.
  void Compare(const std::string& name, DataType type,
               const std::vector<double>& actual,
               const std::vector<double>& expected, double slack = 1);
  // Times `launch`, of which each moves `bytes`, as the last compared line's.
  void Time(const std::function<cudaError_t()>& launch, int64_t bytes);
  // A line to read, with `value` in the unit that `name` says, or GB/s.
  void Note(const std::string& name, double microseconds, double value);

  // A line each and one that counts them.
  std::string Text() const;
  // False if a line is beyond its limit.
  bool Passed() const { return Failures() == 0; }

 private:
  int Failures() const;

  const bool timed_;
  std::vector<Line> lines_;
};

// Of all random values: PENSTOCK_SEED of the environment, or another one in
// every run.
uint64_t Seed();

// Ends the process after an error of CUDA's.
void Check(cudaError_t error, const char* operation);

// Of the device, for kernels that need one.
cuda::Workspace MakeWorkspace();

// Seconds that `launch` takes on the default stream; the median of several.
double Seconds(const std::function<cudaError_t()>& launch);

// Notes the most that any kernel can reach on this device today.
void NoteCopy(Table& table);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_CHECK_H_
