"""C++ from .proto files, with the machine's protoc and gRPC plugin."""

ProtoInfo = provider(
    doc = "The .proto files of a target and of all it imports.",
    fields = ["sources"],
)

def _generate_impl(ctx):
    sources = depset(
        ctx.files.srcs,
        transitive = [dep[ProtoInfo].sources for dep in ctx.attr.deps],
    )
    arguments = ctx.actions.args()
    arguments.add("-I.")
    arguments.add("--cpp_out=" + ctx.bin_dir.path)
    arguments.add("--grpc_out=" + ctx.bin_dir.path)
    arguments.add("--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin")
    arguments.add_all(ctx.files.srcs)
    ctx.actions.run(
        executable = "/usr/bin/protoc",
        arguments = [arguments],
        inputs = sources,
        outputs = ctx.outputs.outs,
        mnemonic = "Protoc",
    )
    return [
        DefaultInfo(files = depset(ctx.outputs.outs)),
        ProtoInfo(sources = sources),
    ]

_generate = rule(
    implementation = _generate_impl,
    attrs = {
        "srcs": attr.label_list(allow_files = [".proto"], mandatory = True),
        "deps": attr.label_list(providers = [ProtoInfo]),
        "outs": attr.output_list(mandatory = True),
    },
)

def grpc_library(name, srcs, deps = [], **kwargs):
    """A cc_library with the messages and services of .proto files.

    Args:
      name: of the library.
      srcs: the .proto files, in this package.
      deps: grpc_library targets that they import.
      **kwargs: passed to the cc_library.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    sources = [s + e for s in stems for e in [".pb.cc", ".grpc.pb.cc"]]
    headers = [s + e for s in stems for e in [".pb.h", ".grpc.pb.h"]]
    _generate(
        name = name + "_generated",
        srcs = srcs,
        outs = sources + headers,
        visibility = ["//visibility:public"],
        deps = [dep + "_generated" for dep in deps],
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = ["-w"],  # Generated code.
        deps = deps + ["//:grpc"],
        **kwargs
    )
