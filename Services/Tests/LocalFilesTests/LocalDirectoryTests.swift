// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation
import LocalFiles
import Testing

struct LocalDirectoryTests {
    private let directory = FileManager.default.temporaryDirectory.path + "/umwelt-" + UUID().uuidString

    /// A container's names need not be UTF-8; also where they have to be moved up first.
    @Test(.timeLimit(.minutes(1)))
    func removesNamesThatAreNoUTF8() throws {
        try LocalDirectory.make(directory + "/a/b/c")
        for place in [directory, directory + "/a/b", directory + "/a/b/c"] {
            let path = Array(place.utf8CString.dropLast()) + [0x2f, 0x63, CChar(bitPattern: 0xe9), 0]
            #expect(mkdir(path, 0o755) == 0)
            #expect(mkdir(Array(path.dropLast()) + [0x2f, CChar(bitPattern: 0xff), 0], 0o755) == 0)
        }
        try LocalDirectory.remove(directory)
        #expect(!LocalFile.exists(directory))
    }

    /// A directory of a pod's name is no manifest; a pipe such as a shell's is.
    @Test func whatCanBeRead() throws {
        try LocalDirectory.make(directory)
        defer { try? LocalDirectory.remove(directory) }
        try LocalFile.replace(directory + "/file", with: [])
        #expect(mkfifo(directory + "/pipe", 0o600) == 0)
        #expect(LocalFile.isReadable(directory + "/file"))
        #expect(LocalFile.isReadable(directory + "/pipe"))
        #expect(!LocalFile.isReadable(directory))
        #expect(!LocalFile.isReadable(directory + "/none"))
    }

    /// Who listens and takes no connection is not waited for without end.
    @Test(.timeLimit(.minutes(1)))
    func aListenerThatTakesNothing() throws {
        try LocalDirectory.make(directory)
        defer { try? LocalDirectory.remove(directory) }
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = directory + "/s"
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(result == 0 && listen(listener, 0) == 0)
        var open: [Int32] = []
        defer { for number in open { close(number) } }
        #expect(throws: FileError.self) {
            for _ in 0..<4 { open.append(try LocalSocket.connect(path, patienceSeconds: 1)) }
        }
        #expect(open.count < 4)
    }

    @Test func oneSocketOfTwoSpellings() throws {
        try LocalDirectory.make(directory + "/run")
        defer { try? LocalDirectory.remove(directory) }
        try LocalFile.replace(directory + "/run/s", with: [])
        #expect(symlink("run", directory + "/link") == 0)
        #expect(LocalSocket.isSame(directory + "/run/s", directory + "/link/../run/s"))
        #expect(LocalSocket.isSame(directory + "/link/s", directory + "/run/s"))
        #expect(!LocalSocket.isSame(directory + "/run/s", directory + "/run/t"))
        #expect(LocalSocket.isSame("/none/s", "/none/s"))
    }
}
