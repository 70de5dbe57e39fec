#include <algorithm>

#include "kernels/cuda/element.h"
#include "kernels/cuda/embedding.h"
#include "kernels/cuda/launch.h"

namespace penstock::cuda {
namespace {

constexpr int kThreadsMax = 256;

// Tables of U, out of T.
template <typename T, typename U, int kWidth>
__global__ void EmbeddingKernel(const int32_t* tokens, int64_t sequence,
                                ConstTensor token_table,
                                ConstTensor position_table, Tensor out) {
  const int64_t row = blockIdx.x;
  const int32_t token = tokens[row];
  const bool is_valid = token >= 0 && token < token_table.rows;
  const U* const token_row = At<U>(token_table, is_valid ? token : 0, 0);
  for (int64_t c = int64_t{threadIdx.x} * kWidth; c < out.cols;
       c += int64_t{blockDim.x} * kWidth) {
    Floats<kWidth> values = Load<kWidth>(token_row + c);
    Floats<kWidth> positions = {};
    if (position_table.data != nullptr) {
      positions = Load<kWidth>(At<U>(position_table, row % sequence, c));
    }
    for (int j = 0; j < kWidth; ++j) {
      values[j] = is_valid ? values[j] + positions[j] : NAN;
    }
    Store<kWidth>(values, At<T>(out, row, c));
  }
}

// Where tokens of a range are first, and how often there are any.
struct Occurrences {
  int32_t begin;  // The range.
  int32_t end;
  int* first;  // The least row, for each token of the range.
  int* count;

  __device__ bool Has(int32_t token) const {
    return token >= begin && token < end;
  }
};

__global__ void CountTokensKernel(const int32_t* tokens, int64_t rows,
                                  Occurrences occurrences) {
  const int64_t row = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (row >= rows || !occurrences.Has(tokens[row])) return;
  const int32_t i = tokens[row] - occurrences.begin;
  atomicMin(&occurrences.first[i], static_cast<int>(row));
  atomicAdd(&occurrences.count[i], 1);
}

// Which of the rows from `begin` on, one for each thread, have `token`: writes
// them to `matches` in their order and returns how many to every thread.
__device__ int FindMatches(const int32_t* tokens, int64_t rows, int64_t begin,
                           int32_t token, int* is_match, int* matches) {
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t row = begin + thread;
  is_match[thread] = row < rows && tokens[row] == token;
  if (!__syncthreads_or(is_match[thread])) return 0;
  int before = 0;
  int all = 0;
  for (int i = 0; i < static_cast<int>(blockDim.x); ++i) {
    if (i == thread) before = all;
    all += is_match[i];
  }
  if (is_match[thread]) matches[before] = static_cast<int>(row);
  __syncthreads();
  return all;
}

// Of the blocks of a token's rows the first one adds them all, in their order
// and without atomics; the others end. A thread per column; a few rows are
// loaded at a time, or each would wait for the one before.
template <typename T>
__global__ void TokenGradientKernel(const int32_t* tokens,
                                    Occurrences occurrences, ConstTensor dout,
                                    Tensor d_token_table) {
  __shared__ int is_match[kThreadsMax];
  __shared__ int matches[kThreadsMax];
  constexpr int kLoads = 4;
  const int64_t first = blockIdx.x;
  const int32_t token = tokens[first];
  if (!occurrences.Has(token)) return;
  const int32_t index = token - occurrences.begin;
  if (occurrences.first[index] != first) return;
  const int64_t c = int64_t{blockIdx.y} * blockDim.x + threadIdx.x;
  const bool has_column = c < dout.cols;
  float sum = has_column ? *At<float>(d_token_table, token, c) : 0.0f;
  int left = occurrences.count[index];
  for (int64_t begin = first; left > 0; begin += blockDim.x) {
    const int found =
        FindMatches(tokens, dout.rows, begin, token, is_match, matches);
    for (int i = 0; has_column && i < found; i += kLoads) {
      float values[kLoads];
      for (int j = 0; j < kLoads; ++j) {
        const int64_t row = matches[min(i + j, found - 1)];
        values[j] = ToFloat(*At<T>(dout, row, c));
      }
      for (int j = 0; j < kLoads; ++j) {
        if (i + j < found) sum += values[j];
      }
    }
    left -= found;
    __syncthreads();  // Before the next matches.
  }
  if (has_column) *At<float>(d_token_table, token, c) = sum;
}

// A block per position and 256 columns.
template <typename T>
__global__ void PositionGradientKernel(int64_t sequence, ConstTensor dout,
                                       Tensor d_position_table) {
  const int64_t position = blockIdx.x;
  const int64_t c = int64_t{blockIdx.y} * blockDim.x + threadIdx.x;
  if (c >= dout.cols) return;
  float sum = *At<float>(d_position_table, position, c);
  for (int64_t r = position; r < dout.rows; r += sequence) {
    sum += ToFloat(*At<T>(dout, r, c));
  }
  *At<float>(d_position_table, position, c) = sum;
}

template <typename T>
cudaError_t AddTokens(cudaStream_t stream, const int32_t* tokens,
                      const Occurrences& occurrences, ConstTensor dout,
                      Tensor d_token_table) {
  const size_t bytes = (occurrences.end - occurrences.begin) * sizeof(int);
  // A row that is later than all.
  cudaError_t error = cudaMemsetAsync(occurrences.first, 0x7f, bytes, stream);
  if (error != cudaSuccess) return error;
  error = cudaMemsetAsync(occurrences.count, 0, bytes, stream);
  if (error != cudaSuccess) return error;
  error = Launch(stream, dim3(CeilDiv(dout.rows, kThreadsMax)), kThreadsMax,
                 CountTokensKernel, tokens, dout.rows, occurrences);
  if (error != cudaSuccess) return error;
  const int threads = Threads(dout.cols, kThreadsMax);
  return Launch(stream, dim3(dout.rows, CeilDiv(dout.cols, threads)), threads,
                TokenGradientKernel<T>, tokens, occurrences, dout,
                d_token_table);
}

template <typename T>
cudaError_t LaunchBackward(cudaStream_t stream, const int32_t* tokens,
                           int64_t sequence, ConstTensor dout,
                           const Workspace& workspace, Tensor d_token_table,
                           Tensor d_position_table) {
  const int64_t range = workspace.bytes / int64_t{2 * sizeof(int)};
  int* const first = reinterpret_cast<int*>(workspace.data);
  for (int64_t begin = 0; begin < d_token_table.rows; begin += range) {
    const int64_t end = std::min(begin + range, d_token_table.rows);
    const cudaError_t error =
        AddTokens<T>(stream, tokens,
                     {static_cast<int32_t>(begin), static_cast<int32_t>(end),
                      first, first + range},
                     dout, d_token_table);
    if (error != cudaSuccess) return error;
  }
  if (d_position_table.data == nullptr) return cudaSuccess;
  const int threads = Threads(dout.cols, kThreadsMax);
  const dim3 grid(std::min(sequence, dout.rows), CeilDiv(dout.cols, threads));
  return Launch(stream, grid, threads, PositionGradientKernel<T>, sequence,
                dout, d_position_table);
}

}  // namespace

cudaError_t Embedding(cudaStream_t stream, const int32_t* tokens,
                      int64_t sequence, ConstTensor token_table,
                      ConstTensor position_table, Tensor out) {
  if (out.rows == 0 || out.cols == 0) return cudaSuccess;
  const bool wide = AreWide({token_table, position_table, out});
  return WithElements(out.type, wide, [&]<typename T, int kWidth>() {
    const auto kernel = token_table.type == DataType::kFloat32
                            ? EmbeddingKernel<T, float, kWidth>
                            : EmbeddingKernel<T, __nv_bfloat16, kWidth>;
    return Launch(stream, dim3(out.rows),
                  Threads(out.cols / kWidth, kThreadsMax), kernel, tokens,
                  sequence, token_table, position_table, out);
  });
}

cudaError_t EmbeddingBackward(cudaStream_t stream, const int32_t* tokens,
                              int64_t sequence, ConstTensor dout,
                              const Workspace& workspace, Tensor d_token_table,
                              Tensor d_position_table) {
  if (dout.rows == 0 || dout.cols == 0) return cudaSuccess;
  if (dout.type == DataType::kFloat32) {
    return LaunchBackward<float>(stream, tokens, sequence, dout, workspace,
                                 d_token_table, d_position_table);
  }
  return LaunchBackward<__nv_bfloat16>(stream, tokens, sequence, dout,
                                       workspace, d_token_table,
                                       d_position_table);
}

}  // namespace penstock::cuda
