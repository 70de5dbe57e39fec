#include "kernels/cpu/matmul.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <unordered_map>
#include <utility>

#include "dnnl.hpp"
#include "kernels/cpu/widening.h"

// From libgomp, on which oneDNN's threads are built; clang has no omp.h.
extern "C" void omp_set_num_threads(int count);

namespace penstock::cpu {
namespace {

// A model has some twenty shapes; a caller with ever new ones starts over.
constexpr size_t kProductsMax = 256;

// From so many rows of c on, oneDNN's own order of a float32 b is worth a copy
// of b: the product gains some 8 % (165 instead of 150 GFLOP/s), 1 ns per
// element of b at 1024 rows, and the copy costs 0.4 to 0.8 ns.
constexpr int64_t kPackedRowsMin = 512;

constexpr size_t kPage = 4096;

size_t WholePages(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

dnnl::memory::data_type TypeOf(DataType type) {
  return type == DataType::kFloat32 ? dnnl::memory::data_type::f32
                                    : dnnl::memory::data_type::bf16;
}

dnnl::memory::desc Description(DataType type, int64_t rows, int64_t cols,
                               int64_t row_stride, int64_t col_stride) {
  return {
      {rows, cols}, TypeOf(type), dnnl::memory::dims{row_stride, col_stride}};
}

// c of a product over no elements.
void WriteEmptyProduct(const MatmulArgs& args) {
  Widening widening;
  widening.ByRows({args.addend}, {args.c},
                  [&](int64_t, Widening::Inputs in, Widening::Outputs to) {
                    const Tensor& c = to[0];
                    for (int64_t r = 0; r < c.rows; ++r) {
                      float* const row = Rows(c, r, 1).as<float>();
                      if (in[0].data == nullptr) {
                        std::fill_n(row, c.cols, 0.0f);
                      } else {
                        std::copy_n(Rows(in[0], r, 1).as<float>(), c.cols, row);
                      }
                      if (args.bias == nullptr) continue;
                      for (int64_t i = 0; i < c.cols; ++i)
                        row[i] += args.bias[i];
                    }
                  });
}

}  // namespace

struct Matmul::Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

// A primitive and the memory objects of its arguments, which get their
// pointers at each call.
struct Matmul::Product {
  dnnl::matmul primitive;
  std::unordered_map<int, dnnl::memory> arguments;
  size_t scratch_bytes = 0;
  // Set when b is copied into oneDNN's own order first.
  dnnl::reorder pack;
  dnnl::memory plain_b;
  size_t packed_bytes = 0;
};

Matmul::Matmul() : engine_(std::make_unique<Engine>()) {}

Matmul::~Matmul() = default;

Matmul::Key Matmul::KeyOf(const MatmulArgs& args) {
  Key key{.m = args.c.rows,
          .n = args.c.cols,
          .k = args.transpose_a ? args.a.rows : args.a.cols,
          .a_stride = args.a.stride,
          .b_stride = args.b.stride,
          .c_stride = args.c.stride,
          .transpose_a = args.transpose_a,
          .transpose_b = args.transpose_b,
          .has_bias = args.bias != nullptr,
          .factors = args.a.type,
          .result = args.c.type};
  if (args.accumulate || (args.addend.data == args.c.data &&
                          args.addend.stride == args.c.stride)) {
    key.epilogue = Epilogue::kOutput;
  } else if (args.addend.data != nullptr) {
    key.epilogue = Epilogue::kAddend;
    key.addend_stride = args.addend.stride;
    key.addend = args.addend.type;
  }
  return key;
}

Matmul::Product& Matmul::ProductFor(const Key& key) {
  if (const auto found = products_.find(key); found != products_.end()) {
    return *found->second;
  }
  const auto factor = [&](int64_t rows, int64_t cols, int64_t stride,
                          bool transposed) {
    return transposed ? Description(key.factors, rows, cols, 1, stride)
                      : Description(key.factors, rows, cols, stride, 1);
  };
  const auto a = factor(key.m, key.k, key.a_stride, key.transpose_a);
  const auto b = factor(key.k, key.n, key.b_stride, key.transpose_b);
  const auto c = Description(key.result, key.m, key.n, key.c_stride, 1);
  const auto bias = Description(DataType::kFloat32, 1, key.n, key.n, 1);
  const auto addend =
      Description(key.addend, key.m, key.n, key.addend_stride, 1);

  dnnl::post_ops post_ops;
  if (key.epilogue == Epilogue::kOutput) post_ops.append_sum(1);
  if (key.epilogue == Epilogue::kAddend) {
    post_ops.append_binary(dnnl::algorithm::binary_add, addend);
  }
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_post_ops(post_ops);

  const dnnl::engine& engine = engine_->engine;
  const bool packed =
      key.m >= kPackedRowsMin && key.factors == DataType::kFloat32;
  const dnnl::memory::desc any_b({key.k, key.n}, TypeOf(key.factors),
                                 dnnl::memory::format_tag::any);
  const dnnl::memory::desc& used_b = packed ? any_b : b;
  const dnnl::matmul::primitive_desc description(
      key.has_bias ? dnnl::matmul::desc(a, used_b, bias, c)
                   : dnnl::matmul::desc(a, used_b, c),
      attributes, engine);
  auto product = std::make_unique<Product>();
  product->primitive = dnnl::matmul(description);
  const auto add_argument = [&](int index, const dnnl::memory::desc& shape) {
    product->arguments[index] = dnnl::memory(shape, engine, nullptr);
  };
  add_argument(DNNL_ARG_SRC, a);
  add_argument(DNNL_ARG_WEIGHTS, description.weights_desc());
  if (packed && description.weights_desc() != b) {
    product->plain_b = dnnl::memory(b, engine, nullptr);
    product->pack =
        dnnl::reorder(product->plain_b, product->arguments[DNNL_ARG_WEIGHTS]);
    product->packed_bytes = description.weights_desc().get_size();
  }
  add_argument(DNNL_ARG_DST, c);
  add_argument(DNNL_ARG_SCRATCHPAD, description.scratchpad_desc());
  if (key.has_bias) add_argument(DNNL_ARG_BIAS, bias);
  if (key.epilogue == Epilogue::kAddend) {
    add_argument(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, addend);
  }
  product->scratch_bytes = description.scratchpad_desc().get_size();
  if (products_.size() >= kProductsMax) products_.clear();
  return *(products_[key] = std::move(product));
}

std::byte* Matmul::Scratch(size_t bytes) {
  if (bytes > scratch_bytes_) {
    const size_t rounded = WholePages(bytes);
    scratch_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, rounded)));
    scratch_bytes_ = scratch_ == nullptr ? 0 : rounded;
  }
  return scratch_.get();
}

absl::Status Matmul::Run(const MatmulArgs& args) {
  const Key key = KeyOf(args);
  if (key.m == 0 || key.n == 0) return absl::OkStatus();
  if (key.k == 0) {
    if (!args.accumulate) WriteEmptyProduct(args);
    return absl::OkStatus();
  }
  // The setting belongs to the calling thread, so it cannot be made earlier.
  omp_set_num_threads(1);
  // oneDNN's interface throws.
  try {
    Product& product = ProductFor(key);
    const size_t packed_bytes = WholePages(product.packed_bytes);
    std::byte* packed = Scratch(packed_bytes + product.scratch_bytes);
    if (packed == nullptr && packed_bytes + product.scratch_bytes > 0) {
      return absl::ResourceExhaustedError("matmul: no memory for scratch");
    }
    const auto point = [&](int index, const void* data) {
      product.arguments[index].set_data_handle(const_cast<void*>(data));
    };
    point(DNNL_ARG_SRC, args.a.data);
    point(DNNL_ARG_WEIGHTS, packed_bytes > 0 ? packed : args.b.data);
    point(DNNL_ARG_DST, args.c.data);
    point(DNNL_ARG_SCRATCHPAD, packed + packed_bytes);
    if (key.has_bias) point(DNNL_ARG_BIAS, args.bias);
    if (key.epilogue == Epilogue::kAddend) {
      point(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
            args.addend.data);
    }
    if (packed_bytes > 0) {
      product.plain_b.set_data_handle(const_cast<void*>(args.b.data));
      product.pack.execute(engine_->stream, product.plain_b,
                           product.arguments[DNNL_ARG_WEIGHTS]);
    }
    product.primitive.execute(engine_->stream, product.arguments);
    engine_->stream.wait();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("matmul: no memory for scratch");
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented) {
      return absl::UnimplementedError(
          "matmul: products of bfloat16 need a processor with AVX-512; train "
          "in fp32 on this one");
    }
    return absl::InternalError(
        fmt::format("matmul [{}, {}] x [{}, {}]: oneDNN: {}", key.m, key.k,
                    key.k, key.n, error.what()));
  }
  return absl::OkStatus();
}

}  // namespace penstock::cpu
