// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

struct ProcessImageTests {
    /// A copy makes a copy, which would stay for long, and ends: whoever has an end of the pipe is gone then.
    @Test func copiesEndWithWhoMadeThem() throws {
        var pipe = try Fd.pipe()
        guard let child = try ProcessImage.fork() else {
            if (try? ProcessImage.fork()) == nil { _ = try? pipe.reading.waitReadable(milliseconds: 20_000) }
            ProcessImage.end(code: 0)
        }
        pipe.closeWriting()
        #expect(try child.wait() == .exited(0))
        #expect(try pipe.reading.waitReadable(milliseconds: 10_000))
    }
}
