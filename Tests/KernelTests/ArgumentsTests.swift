// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

/// Where umwelt-keydns begins (CArguments), on a processor that this machine need not be: built for it, and run in emulation.
///
/// There it has to do without the C library, so each processor has lines of its own.
struct ArgumentsTests {
    /// $1: the sources; what it prints goes to `said`.
    private static let script = """
        set -e
        cc=$(command -v aarch64-linux-gnu-gcc) && qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || exit 77
        cat > main.c << 'END'
        #include <stdio.h>
        #include "carguments.h"
        int main(void) {
            for (int i = 1; carguments_at(i); i++) puts(carguments_at(i));
            return carguments_count();
        }
        END
        build() { "$cc" -O2 -static -Wall -Werror -I"$1/include" "$2" main.c -e carguments_start -o "$3"; }
        build "$1" "$1/carguments.c" program
        sed 's/room = 2 << 20;/room = 1L << 50;/' "$1/carguments.c" > hungry.c
        build "$1" hungry.c hungry
        exec > said
        "$qemu" program 4242 'a b' || echo "= $?"
        for key in 4242 x ''; do
            "$qemu" -strace hungry $key 2> calls || echo "= $?"
            grep -o 'keyctl([0-9,]*' calls
        done
        """

    /// With memory it hands the arguments on; without, it rejects the key with ENOMEM (12), where there is one.
    @Test func theBeginningOnArm64() throws {
        let sources = #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Sources/CArguments"
        let directory = Path("/tmp/umwelt-arguments-\(ProcessID.own)")
        try Directories.make(directory)
        defer { try? FileTree.removeAll(directory) }
        let status = try Command(
            path: "/bin/sh",
            arguments: ["sh", "-c", "cd \(directory)\n\(Self.script)", "sh", "/\(sources)"].map { Array($0.utf8) },
            environment: [Array("PATH=/usr/bin:/bin".utf8)]
        ).spawn().wait()
        if status.code == 77 {
            try Test.cancel("needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user")
        }
        #expect(status.code == 0)
        let said = try Fd.contents(of: directory.appending("said"), limit: 65536)
        let rejections = [4242, 0, 0].map { "= 1\nkeyctl(19,\($0),1,12,0,0\n" }.joined()
        #expect(String(decoding: said, as: UTF8.self) == "4242\na b\n= 3\n" + rejections)
    }
}
