#ifndef PROTO_PARAMETER_H_
#define PROTO_PARAMETER_H_

#include <cstdint>
#include <string>
#include <vector>

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

}  // namespace penstock

#endif  // PROTO_PARAMETER_H_
