// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import FuseWire
import Input
import Kernel

/// Three files below the root, the last one larger than an answer.
private struct Files: FileSystem {
    func lookup(_ name: [UInt8], in parent: UInt64, for caller: Caller) throws(Errno) -> Entry {
        guard parent == 1, let first = name.first, first < 5 else { throw .noEntry }
        return Entry(attributes: try attributes(of: UInt64(first), for: caller), timeoutNs: .max)
    }

    func attributes(of node: UInt64, for caller: Caller) throws(Errno) -> Attributes {
        Attributes(node: node, mode: node == 1 ? 0o040555 : 0o100444, size: .max, links: 1, time: .max)
    }

    func linkTarget(of node: UInt64, for caller: Caller) throws(Errno) -> [UInt8] { [UInt8](repeating: 97, count: 100) }

    func open(_ node: UInt64, for caller: Caller) throws(Errno) -> (content: [UInt8], owner: UInt64) {
        guard node > 1 else { throw .isDirectory }
        return ([UInt8](repeating: 1, count: node == 4 ? 200_000 : Int(node & 0xFFF)), node)
    }

    func isTold(size bytes: Int, of node: UInt64) -> Bool { bytes <= 4096 }

    func entries(of node: UInt64, for caller: Caller) throws(Errno) -> [DirectoryEntry] {
        [
            DirectoryEntry(name: [97], node: 2, type: 8, position: 1),
            DirectoryEntry(name: [UInt8](repeating: 98, count: 255), node: 3, type: 8, position: .max),
        ]
    }
}

private let dispatcher = Dispatcher(fileSystem: Files(), counters: Counters(), maxPages: 4, firstSequence: 1)

/// One message, as it came: every input gets an answer whose length is what its header says, or silence.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { input in
        var reply = Reply()
        guard case .answer = dispatcher.answer(input.bytes, into: &reply) else { return }
        let bytes = reply.bytes
        let length = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        precondition(length == bytes.count, "an answer's length is not what its header says")
        precondition(bytes.count <= 32 * 4096 + Reply.headerSize, "an answer is larger than what was agreed on")
    }
}
