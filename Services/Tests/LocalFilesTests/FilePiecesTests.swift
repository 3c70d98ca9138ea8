// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation
import LocalFiles
import Testing

struct FilePiecesTests {
    private let path = FileManager.default.temporaryDirectory.path + "/umwelt-" + UUID().uuidString

    @Test func aFileIsReadInPieces() throws {
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
        try LocalFile.replace(path, with: bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var file = try FilePieces(path)
        var read: [UInt8] = []
        while let piece = try file.next() {
            #expect(piece.count <= 1 << 16)
            read += piece
        }
        #expect(read == bytes)
    }

    @Test(arguments: [0, 4095, 4096, 4097, 200_000])
    func theEndOfAFile(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 251) }
        try LocalFile.replace(path, with: bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try LocalFile.end(of: path, count: 4096) == bytes.suffix(4096))
    }

    @Test func whatIsNotThereIsNamed() {
        #expect(throws: FileError(operation: "open", path: path, code: ENOENT)) { _ = try FilePieces(path) }
    }
}
