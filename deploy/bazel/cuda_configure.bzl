"""@local_cuda: the machine's CUDA toolkit as targets, or what names its lack.

Looks at CUDA_HOME, CUDA_PATH, PATH and /usr/local/cuda, in this order; a
variable that is set is believed, so CUDA_HOME=none hides a toolkit. Nothing is
downloaded or copied: libraries are linked where they lie.
"""

# Library: its header. cuDNN and NCCL may also come from Debian-like packages.
_LIBRARIES = {
    "cublasLt": "cublasLt.h",
    "cudart": "cuda_runtime_api.h",
    "cudnn": "cudnn.h",
    "nccl": "nccl.h",
}

_DEFS = """\
CUDA_HOME = "{home}"
NVCC = "{nvcc}"
"""

_BUILD = """\
load("@penstock//deploy/bazel:missing_cuda.bzl", "missing_cuda")

package(default_visibility = ["//visibility:public"])

# Changes with the toolkit, so that nothing compiled by another one is reused.
exports_files(["version.txt"])
"""

# Only what host code needs: CUB and Thrust would be two thousand files more in
# every sandbox.
_HEADERS = """
cc_library(
    name = "headers",
    hdrs = glob(
        [
            "include/*.h",
            "include/*.hpp",
            "include/cccl/nv/**",
            "include/crt/*",
            "include/nccl_device/**",
            "include/nv/**",
        ],
        allow_empty = True,
    ),
    includes = [
        "include",
        "include/cccl",
    ],
)
"""

_LIBRARY = """
cc_library(
    name = "{name}",
    linkopts = ["-L{directory}", "-Wl,-rpath,{directory}", "-l{name}"],
    deps = [":headers"],
)
"""

_MISSING = """
missing_cuda(name = "{name}", reason = "{reason}")
"""

def _find_home(rctx):
    for variable in ["CUDA_HOME", "CUDA_PATH"]:
        home = rctx.os.environ.get(variable)
        if home:
            return home if rctx.path(home + "/bin/nvcc").exists else None
    nvcc = rctx.which("nvcc")
    if nvcc:
        return str(nvcc.realpath.dirname.dirname)
    if rctx.path("/usr/local/cuda/bin/nvcc").exists:
        return "/usr/local/cuda"
    return None

def _find_library(rctx, home, name):
    system = "/usr/lib/x86_64-linux-gnu"
    for directory in [home + "/lib64", home + "/lib", system]:
        if rctx.path("%s/lib%s.so" % (directory, name)).exists:
            return directory
    return None

def _describe(rctx, home, name, header):
    directory = _find_library(rctx, home, name)
    found = [
        include
        for include in [home + "/include", "/usr/include"]
        if rctx.path(include + "/" + header).exists
    ]
    if directory and found:
        return _LIBRARY.format(name = name, directory = directory)
    return _MISSING.format(
        name = name,
        reason = "no lib%s.so with %s in %s or /usr" % (name, header, home),
    )

# Stands for the driver in tests without one: libcuda.so.1 for the loader.
_DRIVER_STUB = """
filegroup(
    name = "driver_stub",
    srcs = glob(["driver_stub/*"], allow_empty = True),
)
"""

def _impl(rctx):
    home = _find_home(rctx)
    build = _BUILD
    if home == None:
        rctx.file("defs.bzl", _DEFS.format(home = "", nvcc = ""))
        rctx.file("version.txt", "none\n")
        for name in ["driver_stub", "headers"] + sorted(_LIBRARIES):
            build += _MISSING.format(name = name, reason = "no nvcc was found")
    else:
        nvcc = home + "/bin/nvcc"
        rctx.file("defs.bzl", _DEFS.format(home = home, nvcc = nvcc))
        rctx.file("version.txt", rctx.execute([nvcc, "--version"]).stdout)
        rctx.symlink(home + "/include", "include")
        stub = home + "/lib64/stubs/libcuda.so"
        if rctx.path(stub).exists:
            rctx.symlink(stub, "driver_stub/libcuda.so.1")
        build += _HEADERS + _DRIVER_STUB
        for name, header in sorted(_LIBRARIES.items()):
            build += _describe(rctx, home, name, header)
    rctx.file("BUILD", build)

cuda_configure = repository_rule(
    implementation = _impl,
    local = True,
    configure = True,
    environ = ["CUDA_HOME", "CUDA_PATH", "PATH"],
)
