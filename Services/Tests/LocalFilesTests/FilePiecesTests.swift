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

    /// In place: longer and shorter, and nothing is given away that a full disk would not give again.
    @Test(.enabled(if: geteuid() == 0, "only root may mount"))
    func aFileIsWrittenOver() throws {
        let manager = FileManager.default
        #expect(throws: FileError(operation: "open", path: path, code: ENOENT)) {
            try LocalFile.overwrite(path, with: [1])
        }
        let directory = path + ".d"
        try LocalDirectory.make(directory)
        try LocalDirectory.mountMemory(directory, sizeLimit: 8 << 12)
        defer {
            LocalDirectory.unmount(directory)
            try? manager.removeItem(atPath: directory)
        }
        let (file, other) = (directory + "/file", directory + "/other")
        try LocalFile.replace(file, with: Array("nameserver 10.0.0.1\n".utf8))
        let inode = try manager.attributesOfItem(atPath: file)[.systemFileNumber] as? Int
        for text in ["search a.b.c d.e.f g.h.i\nnameserver 10.0.0.1\n", "nameserver ::1\n", ""] {
            try LocalFile.overwrite(file, with: Array(text.utf8))
            #expect(manager.contents(atPath: file) == Data(text.utf8))
        }
        #expect(try manager.attributesOfItem(atPath: file)[.systemFileNumber] as? Int == inode)
        // Where there is no room for more, there still is for what there was.
        try LocalFile.overwrite(file, with: [1, 2, 3])
        #expect(throws: FileError.self) { try LocalFile.replace(other, with: [UInt8](repeating: 0, count: 1 << 20)) }
        try LocalFile.replace(other, with: [])
        #expect(throws: FileError.self) { try LocalFile.overwrite(other, with: [UInt8](repeating: 0, count: 1 << 20)) }
        #expect(throws: FileError.self) { try LocalFile.overwrite(file, with: [UInt8](repeating: 0, count: 1 << 20)) }
        try LocalFile.overwrite(file, with: [1, 2, 3])
        #expect(manager.contents(atPath: file) == Data([1, 2, 3]))
    }

    /// A ConfigMap's key may have 253 bytes, a name 255.
    @Test func aNameAsLongAsNamesCanBeIsWritten() throws {
        try LocalDirectory.make(path)
        defer { try? LocalDirectory.remove(path) }
        let name = String(repeating: "k", count: 255)
        for bytes: [UInt8] in [[1], [2, 3]] {
            try LocalFile.replace(path + "/" + name, with: bytes)
            #expect(FileManager.default.contents(atPath: path + "/" + name) == Data(bytes))
        }
        #expect(try LocalFile.names(in: path) == [name])
    }

    @Test func whatIsNotThereIsNamed() {
        #expect(throws: FileError(operation: "open", path: path, code: ENOENT)) { _ = try FilePieces(path) }
    }
}
