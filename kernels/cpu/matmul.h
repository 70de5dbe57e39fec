#ifndef KERNELS_CPU_MATMUL_H_
#define KERNELS_CPU_MATMUL_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "kernels/backend.h"

namespace penstock::cpu {

// Matrix products by oneDNN on the calling thread alone. Keeps what oneDNN
// generated for each shape, and the largest scratch memory so far, so that a
// shape's second product allocates nothing.
//
// Thread-compatible.
class Matmul {
 public:
  Matmul();
  ~Matmul();

  // `args` must have passed CheckMatmul and be float32.
  //
  // Errors: Internal: oneDNN refused, which it says.
  absl::Status Run(const MatmulArgs& args);

 private:
  // What is added to the product.
  enum class Epilogue : uint8_t { kNothing, kOutput, kAddend };

  // What oneDNN generates code for.
  struct Key {
    int64_t m = 0;
    int64_t n = 0;
    int64_t k = 0;
    int64_t a_stride = 0;
    int64_t b_stride = 0;
    int64_t c_stride = 0;
    int64_t addend_stride = 0;
    bool transpose_a = false;
    bool transpose_b = false;
    bool has_bias = false;
    Epilogue epilogue = Epilogue::kNothing;
    DataType factors = DataType::kFloat32;  // Of a and b.
    DataType result = DataType::kFloat32;   // Of c.
    DataType addend = DataType::kFloat32;

    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Product;
  struct Engine;
  struct Freer {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  static Key KeyOf(const MatmulArgs& args);
  Product& ProductFor(const Key& key);
  std::byte* Scratch(size_t bytes);

  std::unique_ptr<Engine> engine_;
  std::map<Key, std::unique_ptr<Product>> products_;
  std::unique_ptr<std::byte[], Freer> scratch_;
  size_t scratch_bytes_ = 0;
};

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_MATMUL_H_
