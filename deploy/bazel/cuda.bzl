"""cuda_library: .cu files through nvcc, a dep like any cc_library."""

load("@local_cuda//:defs.bzl", "NVCC")

# For target_compatible_with: `//...` leaves the target out without
# --config=cuda.
NEEDS_CUDA = select({
    "//deploy/bazel:with_cuda": [],
    "//conditions:default": ["//deploy/bazel:unavailable"],
})

# Machine code for Ampere (and Ada), Hopper and Blackwell; PTX of the last is
# translated by the driver of whatever comes later. sm_90a and not sm_90: only
# it has Hopper's warpgroup instructions, and its PTX runs nowhere else.
_CODE = [
    "arch=compute_80,code=sm_80",
    "arch=compute_90a,code=sm_90a",
    "arch=compute_100,code=sm_100",
    "arch=compute_100,code=compute_100",
]

def _arguments(ctx, cc_toolchain, context):
    arguments = ctx.actions.args()
    arguments.add_all(["-std=c++20", "-O3", "-DNDEBUG", "-Xcompiler=-fPIC"])
    arguments.add_all(["--expt-relaxed-constexpr", "-Werror=all-warnings"])
    arguments.add("-ccbin", cc_toolchain.compiler_executable)
    arguments.add_all(["-gencode=" + code for code in _CODE])
    arguments.add("-I.")
    for include in context.quote_includes.to_list():
        arguments.add("-I" + include)
    return arguments

def _compile(ctx, cc_toolchain, context, src):
    """Returns the object file and ptxas's report on the kernels in it."""
    stem = "_cuda/%s/%s" % (ctx.label.name, src.basename)
    out = ctx.actions.declare_file(stem + ".o")
    report = ctx.actions.declare_file(stem + ".ptxas")
    arguments = ctx.actions.args()
    arguments.add(report)
    arguments.add(NVCC)
    arguments.add_all(["-Xptxas=-v", "-c", src, "-o", out])
    ctx.actions.run(
        executable = ctx.executable._keep_report,
        arguments = [arguments, _arguments(ctx, cc_toolchain, context)],
        inputs = depset(
            direct = [src, ctx.file._version] + ctx.files.hdrs,
            transitive = [context.headers, cc_toolchain.all_files],
        ),
        outputs = [out, report],
        # nvcc calls g++, cicc and ptxas and wants a PATH.
        use_default_shell_env = True,
        mnemonic = "CudaCompile",
        progress_message = "Compiling (CUDA) %s" % src.short_path,
    )
    return out, report

def _cuda_library_impl(ctx):
    if not NVCC:
        fail("%s needs nvcc; build without --config=cuda" % ctx.label)
    cc_toolchain = ctx.attr._cc_toolchain[cc_common.CcToolchainInfo]
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = cc_toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    deps = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    )
    objects = []
    reports = []
    for src in ctx.files.srcs:
        out, report = _compile(
            ctx,
            cc_toolchain,
            deps.compilation_context,
            src,
        )
        objects.append(out)
        reports.append(report)
    linking, _ = cc_common.create_linking_context_from_compilation_outputs(
        actions = ctx.actions,
        name = ctx.label.name,
        feature_configuration = features,
        cc_toolchain = cc_toolchain,
        compilation_outputs = cc_common.create_compilation_outputs(
            objects = depset(objects),
            pic_objects = depset(objects),
        ),
        linking_contexts = [deps.linking_context],
        disallow_dynamic_library = True,
    )
    own = CcInfo(
        compilation_context = cc_common.create_compilation_context(
            headers = depset(ctx.files.hdrs),
        ),
        linking_context = linking,
    )
    return [
        DefaultInfo(files = depset(objects)),
        OutputGroupInfo(ptxas = depset(reports)),
        cc_common.merge_cc_infos(
            cc_infos = [own] + [dep[CcInfo] for dep in ctx.attr.deps],
        ),
    ]

_cuda_library = rule(
    implementation = _cuda_library_impl,
    attrs = {
        "srcs": attr.label_list(allow_files = [".cu"]),
        "hdrs": attr.label_list(allow_files = [".h"]),
        "deps": attr.label_list(providers = [CcInfo]),
        "_cc_toolchain": attr.label(
            default = "@bazel_tools//tools/cpp:current_cc_toolchain",
        ),
        "_keep_report": attr.label(
            default = "//deploy/bazel:keep_report",
            executable = True,
            cfg = "exec",
        ),
        "_version": attr.label(
            default = "@local_cuda//:version.txt",
            allow_single_file = True,
        ),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    fragments = ["cpp"],
    incompatible_use_toolchain_transition = True,
)

def cuda_library(name, deps = [], **kwargs):
    """A library of .cu files, for cc_library and cc_test to depend on.

    Each .cu file stands alone: no device code is linked across files.

    Args:
      name: of the library. `<name>` also has ptxas's reports in its output
        group `ptxas`.
      deps: cc_libraries whose headers the files include.
      **kwargs: srcs, hdrs, visibility ...
    """
    _cuda_library(
        name = name,
        deps = deps + ["//:cudart"],
        target_compatible_with = NEEDS_CUDA,
        **kwargs
    )
