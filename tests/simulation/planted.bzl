"""Tests that the simulation finds a bug planted by hand."""

def planted_bug_test(name, source):
    """Plants planted/<name>.patch into one source, and runs planted_bug_test.cc.

    The patched object comes first at linking, so the library's own member of
    that name is not taken. A patch that does not apply exactly fails the build.

    Args:
      name: of the patch, and with _test of the test.
      source: the label of the source file that the patch is for.
    """
    patch = "planted/" + name + ".patch"
    patched = "planted/" + name + ".cc"
    native.genrule(
        name = name,
        srcs = [source, patch],
        outs = [patched],
        cmd = ("cat $(location {0}) > $@ && patch --quiet --fuzz=0 " +
               "--no-backup-if-mismatch $@ $(location {1})").format(source, patch),
    )
    native.cc_test(
        name = name + "_test",
        size = "small",
        srcs = [patched],
        deps = [
            ":planted_bug_test",
            "//:gtest_main",
            "//coordinator/core:coordinator",
            "//worker/agent",
        ],
    )
