#ifndef KERNELS_CPU_ADAMW_H_
#define KERNELS_CPU_ADAMW_H_

#include "kernels/backend.h"

namespace penstock::cpu {

// See Backend.
void AdamW(const AdamWArgs& args);

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_ADAMW_H_
