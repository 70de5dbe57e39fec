#ifndef PROTO_PARAMETER_H_
#define PROTO_PARAMETER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/precision.h"

namespace penstock {

// One weight tensor under its global name, which depends on neither pipeline
// width nor replicas: that of Hugging Face's implementation of the model, with
// its shape.
struct Parameter {
  std::string name;
  std::vector<int64_t> shape;

  int64_t count() const {
    int64_t product = 1;
    for (const int64_t extent : shape) product *= extent;
    return product;
  }
};

// Bytes of the copy of a weight that layers read in `precision`; 0 when they
// read the weight itself.
constexpr int64_t RoundedBytes(const Parameter& parameter,
                               Precision precision) {
  if (precision == Precision::kFp32 || parameter.shape.size() < 2) return 0;
  return parameter.count() * ElementBytes(precision);
}

}  // namespace penstock

#endif  // PROTO_PARAMETER_H_
