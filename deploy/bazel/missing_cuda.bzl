"""missing_cuda: what stands for a library of a toolkit that is not there."""

def _missing_cuda_impl(ctx):
    fail(("--config=cuda needs the CUDA toolkit: %s (%s). Looked at " +
          "CUDA_HOME, CUDA_PATH, PATH and /usr/local/cuda. Install it or " +
          "build without --config=cuda.") % (ctx.attr.reason, ctx.label.name))

missing_cuda = rule(
    implementation = _missing_cuda_impl,
    attrs = {"reason": attr.string()},
    provides = [CcInfo],
)
