// A library that says it is NCCL of the version it was compiled as.
extern "C" int ncclGetVersion(int* version) {
  *version = PENSTOCK_NCCL_VERSION;
  return 0;
}
