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

// The first block that has a token adds all of its rows, in their order and
// without atomics; the others find it before them and end. They read the same
// few tokens from the cache.
template <typename T>
__global__ void TokenGradientKernel(const int32_t* tokens, ConstTensor dout,
                                    Tensor d_token_table) {
  __shared__ int matches[kThreadsMax];
  const int64_t first = blockIdx.x;
  const int32_t token = tokens[first];
  if (token < 0 || token >= d_token_table.rows) return;
  bool is_before = false;
  for (int64_t r = threadIdx.x; r < first; r += blockDim.x) {
    is_before = is_before || tokens[r] == token;
  }
  if (__syncthreads_or(is_before)) return;
  for (int64_t begin = first; begin < dout.rows; begin += blockDim.x) {
    const int64_t r = begin + threadIdx.x;
    matches[threadIdx.x] = r < dout.rows && tokens[r] == token;
    if (!__syncthreads_or(matches[threadIdx.x])) continue;
    for (int64_t c = threadIdx.x; c < dout.cols; c += blockDim.x) {
      float sum = *At<float>(d_token_table, token, c);
      for (unsigned i = 0; i < blockDim.x; ++i) {
        if (matches[i]) sum += ToFloat(*At<T>(dout, begin + i, c));
      }
      *At<float>(d_token_table, token, c) = sum;
    }
    __syncthreads();  // Before the next matches.
  }
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
cudaError_t LaunchBackward(cudaStream_t stream, const int32_t* tokens,
                           int64_t sequence, ConstTensor dout,
                           Tensor d_token_table, Tensor d_position_table) {
  const cudaError_t error =
      Launch(stream, dim3(dout.rows), kThreadsMax, TokenGradientKernel<T>,
             tokens, dout, d_token_table);
  if (error != cudaSuccess || d_position_table.data == nullptr) return error;
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
                              Tensor d_token_table, Tensor d_position_table) {
  if (dout.rows == 0 || dout.cols == 0) return cudaSuccess;
  if (dout.type == DataType::kFloat32) {
    return LaunchBackward<float>(stream, tokens, sequence, dout, d_token_table,
                                 d_position_table);
  }
  return LaunchBackward<__nv_bfloat16>(stream, tokens, sequence, dout,
                                       d_token_table, d_position_table);
}

}  // namespace penstock::cuda
